/* The epoll set and the clocks. */
#include <time.h>
#include <unistd.h>

#include "loop.h"
#include "shim.h"

static int set = -1;

void watch_init(struct watch *w, int fd, void (*ready)(struct watch *, uint32_t)) {
  *w = (struct watch){.fd = fd, .ready = ready};
}

void watch_set(struct watch *w, uint32_t events) {
  if (w->fd < 0 || (w->added && w->events == events) || (!w->added && !events)) return;
  struct epoll_event event = {.events = events, .data.ptr = w};
  /* A hang-up is always reported for what is in the set: what nobody waits for is taken out. */
  epoll_ctl(set, !w->added ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, w->fd, &event);
  w->added = events != 0;
  w->events = events;
}

/* Events of this round that are not handled yet; those of a closed watch are struck out. */
static struct epoll_event round_events[32];
static int round_count, round_at;

int loop_init(void) {
  round_count = round_at = 0;
  set = epoll_create1(EPOLL_CLOEXEC);
  return set < 0 ? -1 : 0;
}

void watch_close(struct watch *w) {
  if (w->fd < 0) return;
  watch_set(w, 0);
  for (int i = round_at; i < round_count; i++)
    if (round_events[i].data.ptr == w) round_events[i].data.ptr = NULL;
  close(w->fd);
  w->fd = -1;
}

int loop_round(int timeout_ms) {
  round_at = 0;
  round_count = epoll_wait(set, round_events, 32, timeout_ms);
  int count = round_count;
  while (round_at < round_count) {
    struct epoll_event event = round_events[round_at++];
    struct watch *w = event.data.ptr;
    if (w && w->added) w->ready(w, event.events);
  }
  round_count = 0;
  return count;
}

static uint64_t read_clock(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_ms(void) { return read_clock(CLOCK_MONOTONIC) / 1000000u; }
uint64_t now_nanos(void) { return read_clock(CLOCK_REALTIME); }
