/* Attached clients: framed output out of a bounded buffer, framed input. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "shim.h"

struct client *draining_clients;

static void client_free(struct client *c) {
  watch_close(&c->socket);
  ring_free(&c->output);
  if (c->input) munmap(c->input, READ_BYTES);
  free(c);
}

static void sweep_list(struct client **at) {
  while (*at) {
    struct client *c = *at;
    if (c->gone) {
      *at = c->next;
      client_free(c);
    } else {
      at = &c->next;
    }
  }
}

void clients_sweep(void) {
  sweep_list(&draining_clients);
  for (struct process *p = processes; p; p = p->next) sweep_list(&p->clients);
}

/* Bytes wait for stdin; nothing more is read from the client until they are gone. (A frame's beginning does not block.) */
static int blocked(const struct client *c) { return !c->gone && c->frame_left > 0 && c->input_end > c->input_start; }

static void client_update(struct client *c) {
  if (c->gone) return;
  int wants_input = !c->hung_up && !blocked(c);
  watch_set(&c->socket, (wants_input ? EPOLLIN : 0) | (c->output.length ? EPOLLOUT : 0));
}

static void client_gone(struct client *c) {
  if (c->gone) return;
  c->gone = 1;
  watch_set(&c->socket, 0);
  /* One less to wait for. */
  if (c->process) stdio_update(c->process);
}

/* The end of its input may be the last thing that it sent before it went; once its process has ended, nothing matters. */
static void client_deaf(struct client *c) {
  c->deaf = 1;
  ring_free(&c->output);
  if (c->ending) client_gone(c);
  client_update(c);
}

static int listens(const struct client *c) { return !c->gone && !c->ending && !c->deaf; }

static void flush(struct client *c) {
  uint32_t before = c->output.length;
  int result = ring_flush(&c->output, c->socket.fd);
  if (c->output.length < before) c->progress_ms = now_ms();
  if (result < 0) {
    client_deaf(c);
    return;
  }
  if (result == 0 && c->ending && !c->lingering) {
    /* What it sends meanwhile is read until it hangs up: closing over unread input would throw away its last frames. */
    c->lingering = 1;
    shutdown(c->socket.fd, SHUT_WR);
  }
  client_update(c);
}

/* — Output — */

int clients_have_room(const struct process *p) {
  for (struct client *c = p->clients; c; c = c->next)
    if (listens(c) && ring_room(&c->output) < READ_BYTES + 2 * FRAME_HEADER + 1) return 0;
  return 1;
}

static void put_header(uint8_t *to, int stream, size_t length) {
  to[0] = (uint8_t)stream;
  to[1] = to[2] = to[3] = 0;
  for (int i = 0; i < 4; i++) to[4 + i] = (uint8_t)(length >> (24 - 8 * i));
}

/* Straight to the socket when nothing is before it; what it does not take waits in the ring. */
static void send_frame(struct client *c, int stream, const uint8_t *data, size_t length) {
  uint8_t header[FRAME_HEADER];
  put_header(header, stream, length);
  size_t sent = 0;
  if (c->output.length == 0) {
    struct iovec parts[2] = {{header, sizeof header}, {(void *)data, length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
    ssize_t n = sendmsg(c->socket.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN && errno != EINTR) {
      client_deaf(c);
      return;
    }
    if (n > 0) sent = (size_t)n;
    c->progress_ms = now_ms();
  }
  if (sent < sizeof header && ring_put(&c->output, header + sent, sizeof header - sent) < 0) client_gone(c);
  size_t done = sent > sizeof header ? sent - sizeof header : 0;
  if (done < length && ring_put(&c->output, data + done, length - done) < 0) client_gone(c);
  client_update(c);
}

void clients_output(struct process *p, int stream, const uint8_t *data, size_t length) {
  uint32_t wanted = stream == FRAME_STDERR ? ATTACH_STDERR : ATTACH_STDOUT;
  for (struct client *c = p->clients; c; c = c->next)
    if (listens(c) && (c->flags & wanted)) send_frame(c, stream, data, length);
}

/* The last frame; the ring always keeps room for it. */
static void end_client(struct client *c, uint8_t why) {
  if (c->gone || c->ending) return;
  c->ending = 1;
  if (c->deaf) return client_gone(c);
  send_frame(c, FRAME_CONTROL, &why, 1);
  if (!c->gone) flush(c);
}

void clients_end(struct process *p) {
  struct client **tail = &draining_clients;
  while (*tail) tail = &(*tail)->next;
  *tail = p->clients;
  p->clients = NULL;
  for (struct client *c = *tail; c; c = c->next) {
    c->process = NULL;
    c->input_start = c->input_end = 0;
    end_client(c, END_DRAINED);
  }
}

static int check_list(struct client *list, uint64_t now) {
  int next = -1;
  for (struct client *c = list; c; c = c->next) {
    /* A daemon that shuts this shim down does not wait long for clients that stand still. */
    uint64_t limit = shutting_down && (!c->stall_ms || c->stall_ms > 10000) ? 10000 : c->stall_ms;
    if (c->lingering) limit = 10000;
    if (c->gone || (c->output.length == 0 && !c->lingering) || limit == 0) continue;
    uint64_t due = c->progress_ms + limit;
    if (due <= now)
      client_gone(c); /* nothing more can be said to it: its connection just ends */
    else if (next < 0 || due - now < (uint64_t)next)
      next = (int)(due - now);
  }
  return next;
}

int clients_check_stalls(uint64_t now) {
  int next = check_list(draining_clients, now);
  for (struct process *p = processes; p; p = p->next) {
    int due = check_list(p->clients, now);
    if (due >= 0 && (next < 0 || due < next)) next = due;
  }
  return next;
}

/* — Input — */

/* Handles what is in the input buffer as far as stdin takes it. */
static void deliver(struct client *c) {
  struct process *p = c->process;
  while (c->input_start < c->input_end && !c->gone) {
    uint8_t *at = c->input + c->input_start;
    size_t have = c->input_end - c->input_start;
    if (c->frame_left == 0) {
      if (have < FRAME_HEADER) break;
      uint32_t length = (uint32_t)at[4] << 24 | (uint32_t)at[5] << 16 | (uint32_t)at[6] << 8 | at[7];
      if (at[0] == FRAME_CONTROL) {
        if (have < FRAME_HEADER + 1) break;
        if (length != 1) client_gone(c);
        if (at[FRAME_HEADER] == INPUT_CLOSE && p && (p->flags & PROCESS_STDIN_ONCE) && !(p->flags & PROCESS_TTY))
          stdio_close_input(p);
        c->input_start += FRAME_HEADER + 1;
        if (at[FRAME_HEADER] == INPUT_DETACH) client_gone(c);
        continue;
      }
      c->frame_left = length;
      c->input_start += FRAME_HEADER;
      continue;
    }
    size_t length = have < c->frame_left ? have : c->frame_left;
    if (p && p->in.fd >= 0) {
      ssize_t n = write(p->in.fd, at, length);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (n < 0)
        stdio_close_input(p); /* EPIPE: nobody reads it any more */
      else
        length = (size_t)n;
    }
    c->input_start += (uint32_t)length;
    c->frame_left -= (uint32_t)length;
  }
}

void clients_input(struct process *p) {
  for (struct client *c = p->clients; c; c = c->next) {
    if (c->gone || !c->input) continue;
    deliver(c);
    if (blocked(c)) continue;
    if (c->hung_up) client_gone(c);
    else client_update(c);
  }
}

int clients_input_pending(const struct process *p) {
  for (struct client *c = p->clients; c; c = c->next)
    if (blocked(c)) return 1;
  return 0;
}

static void client_hung_up(struct client *c) {
  c->hung_up = c->deaf = 1;
  ring_free(&c->output);
  if (c->input && blocked(c)) {
    watch_set(&c->socket, 0);
    if (c->process) stdio_update(c->process);
  } else {
    client_gone(c);
  }
}

static void read_input(struct client *c) {
  static uint8_t ignored[4096];
  uint8_t *to = ignored;
  size_t room = sizeof ignored;
  if (c->input) {
    memmove(c->input, c->input + c->input_start, c->input_end - c->input_start);
    c->input_end -= c->input_start;
    c->input_start = 0;
    to = c->input + c->input_end;
    room = READ_BYTES - c->input_end;
  }
  ssize_t n = recv(c->socket.fd, to, room, MSG_DONTWAIT);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n <= 0) {
    client_hung_up(c);
    return;
  }
  if (!c->input) return;
  c->input_end += (uint32_t)n;
  deliver(c);
  if (c->process) stdio_update(c->process);
}

static void client_ready(struct watch *w, uint32_t events) {
  struct client *c = MEMBER_OF(w, struct client, socket);
  uint32_t hang_up = events & (EPOLLHUP | EPOLLERR);
  if (events & EPOLLOUT) flush(c);
  /* Input that stdin does not take yet has more behind it in the socket: that is read, up to the hang-up, in its turn. */
  if (hang_up && blocked(c)) client_deaf(c);
  if (c->process && !c->gone && (hang_up || (events & EPOLLOUT))) stdio_update(c->process);
  if (!c->gone && !blocked(c) && (hang_up || (events & EPOLLIN))) read_input(c);
  client_update(c);
}

int client_attach(struct process *p, int socket, uint32_t flags, uint32_t stall_ms, const uint8_t *reply,
                  size_t length) {
  struct client *c = calloc(1, sizeof *c);
  if (!c) return -1;
  c->output.capacity = STREAM_RING;
  if (flags & ATTACH_STDIN) {
    void *input = mmap(NULL, READ_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (input == MAP_FAILED || ring_put(&c->output, reply, length) < 0) {
      if (input != MAP_FAILED) munmap(input, READ_BYTES);
      free(c);
      return -1;
    }
    c->input = input;
  } else if (ring_put(&c->output, reply, length) < 0) {
    free(c);
    return -1;
  }
  watch_init(&c->socket, socket, client_ready);
  c->flags = flags;
  c->stall_ms = stall_ms;
  c->progress_ms = now_ms();
  c->process = p;
  c->next = p->clients;
  p->clients = c;
  flush(c);
  p->holder = NULL;
  if (p->phase == PHASE_EXITED && !stdio_open(p)) clients_end(p);
  stdio_update(p);
  return 0;
}
