/* Notices when the container is out of memory: an eventfd of memory.oom_control (v1), inotify of memory.events (v2). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "shim.h"

#define V1_FILE "/memory.oom_control"

char oom_events_path[4096];
static struct watch notices = {.fd = -1};
static int by_eventfd;
static unsigned long kills_seen;

/* "oom_kill N", which both files have. */
static unsigned long count_kills(void) {
  if (!oom_events_path[0]) return 0;
  int fd = open(oom_events_path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  char text[1024];
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return 0;
  text[n] = 0;
  for (const char *line = text; line; line = strchr(line, '\n')) {
    if (*line == '\n') line++;
    if (strncmp(line, "oom_kill ", 9) == 0) return strtoul(line + 9, NULL, 10);
  }
  return 0;
}

/* cgroup-v1/memory.rst, OOM Control. The registration outlives both files' descriptors. */
static int register_eventfd(void) {
  char path[sizeof oom_events_path], text[32];
  size_t directory = strlen(oom_events_path) - strlen(V1_FILE);
  snprintf(path, sizeof path, "%.*s/cgroup.event_control", (int)directory, oom_events_path);
  int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int file = open(oom_events_path, O_RDONLY | O_CLOEXEC), control = open(path, O_WRONLY | O_CLOEXEC);
  int length = snprintf(text, sizeof text, "%d %d", fd, file);
  int failed = fd < 0 || file < 0 || control < 0 || write(control, text, (size_t)length) < 0;
  if (file >= 0) close(file);
  if (control >= 0) close(control);
  if (!failed) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

static int watch_file(void) {
  int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (fd < 0 || inotify_add_watch(fd, oom_events_path, IN_MODIFY) >= 0) return fd;
  close(fd);
  return -1;
}

/* Something was read: only then there is news. */
static int drain(void) {
  char bytes[4096];
  int any = 0;
  while (read(notices.fd, bytes, sizeof bytes) > 0) any = 1;
  return any;
}

static void take_notices(struct process *init) {
  if (notices.fd < 0 || !drain()) return;
  if (!by_eventfd) {
    /* memory.events changes for lesser reasons, too. */
    unsigned long kills = count_kills();
    if (kills <= kills_seen) return;
    kills_seen = kills;
  }
  init->oom = 1;
  server_announce_oom();
}

static void noticed(struct watch *w, uint32_t events) {
  (void)w, (void)events;
  struct process *init = process_find("");
  if (init) take_notices(init);
}

void oom_begin(void) {
  oom_end();
  if (!oom_events_path[0]) return;
  size_t length = strlen(oom_events_path);
  by_eventfd = length > strlen(V1_FILE) && strcmp(oom_events_path + length - strlen(V1_FILE), V1_FILE) == 0;
  kills_seen = 0;
  /* Without it, the exit still tells of a kill. */
  int fd = by_eventfd ? register_eventfd() : watch_file();
  if (fd < 0) return;
  watch_init(&notices, fd, noticed);
  watch_set(&notices, EPOLLIN);
}

void oom_end(void) { watch_close(&notices); }

void oom_settle(struct process *init) {
  take_notices(init);
  /* The removal of the cgroup is a notice, too. */
  oom_end();
  if (count_kills() > 0) init->oom = 1;
}
