/* The socket, its connections and their requests. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shim.h"

#define INLINE_PAYLOAD 1024
#define UNCLAIMED_LIMIT_MS 30000

struct connection {
  struct connection *next;
  struct watch socket;
  struct ring output;
  int events_wanted, busy, gone;
  struct message_header head;
  uint32_t head_got, payload_got;
  uint8_t *payload; /* inline or mapped */
  uint8_t inline_payload[INLINE_PAYLOAD];
};

static struct watch listener;
static struct connection *connections;
static char socket_path[sizeof((struct sockaddr_un *)0)->sun_path];
static uint64_t unclaimed_until_ms;
static int claimed;
int shutting_down;

/* — Writing — */

static void connection_gone(struct connection *c) {
  if (c->gone) return;
  c->gone = 1;
  watch_set(&c->socket, 0);
  processes_forget(c);
}

static void connection_update(struct connection *c) {
  if (!c->gone) watch_set(&c->socket, (c->busy ? 0 : EPOLLIN) | EPOLLRDHUP | (c->output.length ? EPOLLOUT : 0));
}

/* One that does not read its answers is dropped. */
static void send_message(struct connection *c, uint16_t type, uint32_t id, const void *body, size_t length) {
  struct message_header head = {.length = (uint32_t)length, .type = type, .id = id};
  if (c->gone) return;
  if (ring_put(&c->output, &head, sizeof head) < 0 || ring_put(&c->output, body, length) < 0 ||
      ring_flush(&c->output, c->socket.fd) < 0)
    connection_gone(c);
  connection_update(c);
}

static void finish_request(struct connection *c) {
  c->busy = 0;
  connection_update(c);
}

void reply_ok(struct connection *c, uint32_t id, uint16_t type, const void *body, size_t length) {
  uint8_t bytes[64];
  struct writer w = {bytes, bytes + sizeof bytes, 0};
  put_u32(&w, REPLY_OK);
  put(&w, body, length);
  send_message(c, type | MSG_REPLY, id, bytes, (size_t)(w.at - bytes));
  finish_request(c);
}

void reply_error(struct connection *c, uint32_t id, uint16_t type, int err, const char *text) {
  uint8_t bytes[512];
  struct writer w = {bytes, bytes + sizeof bytes, 0};
  put_u32(&w, REPLY_ERROR);
  put_u32(&w, (uint32_t)(err < 0 ? -err : err));
  put_text(&w, text);
  send_message(c, type | MSG_REPLY, id, bytes, (size_t)(w.at - bytes));
  finish_request(c);
}

void reply_plan_failed(struct connection *c, uint32_t id, uint16_t type, const struct process *p) {
  uint8_t bytes[1024];
  struct writer w = {bytes, bytes + sizeof bytes, 0};
  put_u32(&w, REPLY_PLAN_FAILED);
  put_u32(&w, (uint32_t)p->failed_errno);
  put_u32(&w, p->failed_index);
  put_u32(&w, p->failed_opcode);
  put_text(&w, p->failed_text ? p->failed_text : "");
  send_message(c, type | MSG_REPLY, id, bytes, (size_t)(w.at - bytes));
  finish_request(c);
}

void server_announce_exit(const struct process *p) {
  uint8_t bytes[256];
  struct writer w = {bytes, bytes + sizeof bytes, 0};
  put_text(&w, p->id);
  put_u32(&w, (uint32_t)p->pid);
  put_u32(&w, (uint32_t)p->code);
  put_u64(&w, p->exited_at);
  put_u32(&w, (uint32_t)p->oom);
  for (struct connection *c = connections; c; c = c->next)
    if (c->events_wanted) send_message(c, MSG_EVENT_EXIT, 0, bytes, (size_t)(w.at - bytes));
}

void server_announce_oom(void) {
  for (struct connection *c = connections; c; c = c->next)
    if (c->events_wanted) send_message(c, MSG_EVENT_OOM, 0, NULL, 0);
}

/* — Requests — */

static void on_hello(struct connection *c, struct reader *r) {
  uint32_t low = take_u32(r), high = take_u32(r), flags = take_u32(r);
  if (r->bad || low > PROTOCOL_MAX || high < PROTOCOL_MIN) {
    reply_error(c, c->head.id, MSG_HELLO, EPROTONOSUPPORT, "no common protocol version");
    return;
  }
  claimed = 1;
  c->events_wanted = (flags & HELLO_EVENTS) != 0;
  uint32_t body[2] = {high < PROTOCOL_MAX ? high : PROTOCOL_MAX, (uint32_t)getpid()};
  reply_ok(c, c->head.id, MSG_HELLO, body, sizeof body);
}

/* What CREATE and EXTERNAL_CREATE have in common; flags, or −1 when it was answered. */
static int64_t take_container(struct connection *c, struct reader *r) {
  uint32_t flags = take_u32(r);
  struct log_options log = {.path = take_text(r)};
  log.max_size = take_u64(r);
  log.max_files = take_u32(r);
  log.attributes = take_text(r);
  log.holds = (flags & PROCESS_LOG_HOLDS) != 0;
  const char *oom = take_text(r);
  int err = 0;
  const char *what = "malformed request";
  if (r->bad || strlen(oom) >= sizeof oom_events_path) {
    err = EINVAL;
  } else if (process_find("") || shutting_down) {
    err = EEXIST;
    what = "this shim has its container";
  } else if ((err = log_open(&log)) < 0) {
    what = "open log file";
  }
  if (err) {
    reply_error(c, c->head.id, c->head.type, err, what);
    return -1;
  }
  memcpy(oom_events_path, oom, strlen(oom) + 1);
  rename_command();
  return flags & ~(uint32_t)(PROCESS_HOLD_OUTPUT | PROCESS_LOG_HOLDS);
}

static void on_create(struct connection *c, struct reader *r) {
  int64_t flags = take_container(c, r);
  if (flags < 0) return;
  uint32_t length;
  const uint8_t *plan = take_bytes(r, &length);
  int err = r->bad ? -EINVAL : process_spawn("", (uint32_t)flags, plan, length, c, c->head.id, MSG_CREATE);
  if (err < 0) reply_error(c, c->head.id, MSG_CREATE, err, "plan refused");
}

/* A list of arguments, passed over and checked. */
static struct reader take_list(struct reader *r) {
  struct reader list = *r;
  for (uint32_t n = take_count(r, 5); n > 0; n--) take_text(r);
  list.end = r->at;
  return list;
}

static struct external_options take_external(struct reader *r, int starts) {
  struct external_options o = {.pid_file = take_text(r)};
  o.console_socket = take_text(r);
  o.create = take_list(r);
  o.start = starts ? take_list(r) : (struct reader){r->at, r->at, 0};
  return o;
}

static void on_external_create(struct connection *c, struct reader *r) {
  int64_t flags = take_container(c, r);
  if (flags < 0) return;
  struct external_options o = take_external(r, 1);
  int err = r->bad ? -EINVAL : external_spawn("", (uint32_t)flags, &o, c, c->head.id, MSG_EXTERNAL_CREATE);
  if (err < 0) reply_error(c, c->head.id, MSG_EXTERNAL_CREATE, err, "run the runtime");
}

static int valid_id(const char *id) {
  size_t n = strlen(id);
  return n > 0 && n < ID_BYTES && strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == n;
}

static void on_exec(struct connection *c, struct reader *r) {
  const char *id = take_text(r);
  uint32_t flags = take_u32(r), length = 0;
  int external = c->head.type == MSG_EXTERNAL_EXEC;
  struct external_options o = {0};
  const uint8_t *plan = NULL;
  if (external)
    o = take_external(r, 0);
  else
    plan = take_bytes(r, &length);
  struct process *init = process_find("");
  if (r->bad || !valid_id(id) || process_find(id)) {
    reply_error(c, c->head.id, c->head.type, r->bad ? EINVAL : EEXIST, "bad exec id");
    return;
  }
  if (!init || init->phase != PHASE_RUNNING || shutting_down) {
    reply_error(c, c->head.id, c->head.type, ESRCH, "the container is not running");
    return;
  }
  int err = external ? external_spawn(id, flags, &o, c, c->head.id, MSG_EXTERNAL_EXEC)
                     : process_spawn(id, flags, plan, length, c, c->head.id, MSG_EXEC);
  if (err < 0) reply_error(c, c->head.id, c->head.type, err, external ? "run the runtime" : "plan refused");
}

static void on_start(struct connection *c) {
  struct process *init = process_find("");
  int err = init ? process_start(init, c, c->head.id) : -ESRCH;
  if (err < 0) reply_error(c, c->head.id, MSG_START, err, "the container is not created, or was started");
}

static enum shim_state state_of(const struct process *init) {
  if (!init) return claimed ? STATE_CLAIMED : STATE_UNCLAIMED;
  switch (init->phase) {
    case PHASE_SPAWNING:
    case PHASE_FAILED:
      return STATE_CLAIMED;
    case PHASE_CREATED:
    case PHASE_STARTING:
      return STATE_CREATED;
    case PHASE_RUNNING:
      return STATE_RUNNING;
    case PHASE_EXITED:
      return STATE_EXITED;
  }
  return STATE_CLAIMED;
}

static void on_state(struct connection *c) {
  static uint8_t bytes[32 * 1024];
  struct writer w = {bytes, bytes + sizeof bytes, 0};
  struct process *init = process_find("");
  put_u32(&w, REPLY_OK);
  put_u32(&w, state_of(init));
  put_u32(&w, init && !init->announced ? (uint32_t)init->pid : 0);
  put_u64(&w, init ? init->started_at : 0);
  put_u32(&w, init && init->announced ? (uint32_t)init->code : 0);
  put_u64(&w, init && init->announced ? init->exited_at : 0);
  put_u32(&w, init ? (uint32_t)init->oom : 0);
  put_u32(&w, init ? init->flags : 0);
  put_u64(&w, log_dropped());
  uint32_t count = 0;
  uint8_t *count_at = w.at;
  put_u32(&w, 0);
  for (struct process *p = processes; p && w.end - w.at > ID_BYTES + 16; p = p->next) {
    if (!p->id[0] || p->announced || p->finished || p->phase == PHASE_SPAWNING) continue;
    put_text(&w, p->id);
    put_u32(&w, (uint32_t)p->pid);
    put_u32(&w, p->flags);
    count++;
  }
  memcpy(count_at, &count, sizeof count);
  send_message(c, MSG_STATE | MSG_REPLY, c->head.id, bytes, (size_t)(w.at - bytes));
  finish_request(c);
}

/* Requests that name a process by its exec id, or by nothing for PID 1. */
static void on_process(struct connection *c, struct reader *r) {
  struct process *p = process_find(take_text(r));
  uint32_t a = c->head.type == MSG_CLOSE_STDIN ? 0 : take_u32(r);
  uint32_t b = c->head.type == MSG_RESIZE ? take_u32(r) : 0;
  int err = -EINVAL;
  if (r->bad) {
    p = NULL;
  } else if (!p) {
    err = -ESRCH;
  } else if (c->head.type == MSG_KILL) {
    err = process_kill(p, (int)a);
  } else if (c->head.type == MSG_RESIZE) {
    err = process_resize(p, a, b);
  } else {
    stdio_close_input(p);
    err = 0;
  }
  if (err < 0)
    reply_error(c, c->head.id, c->head.type, err, "no such process, or not possible for it");
  else
    reply_ok(c, c->head.id, c->head.type, NULL, 0);
}

static void on_attach(struct connection *c, struct reader *r) {
  struct process *p = process_find(take_text(r));
  uint32_t flags = take_u32(r), stall_ms = take_u32(r);
  if (r->bad || !p || p->phase == PHASE_SPAWNING || c->output.length) {
    reply_error(c, c->head.id, MSG_ATTACH, r->bad ? EINVAL : ESRCH, "no such process");
    return;
  }
  struct message_header head = {.length = 8, .type = MSG_ATTACH | MSG_REPLY, .id = c->head.id};
  uint8_t bytes[sizeof head + 8];
  struct writer w = {bytes, bytes + sizeof bytes, 0};
  put(&w, &head, sizeof head);
  put_u32(&w, REPLY_OK);
  put_u32(&w, p->flags & PROCESS_TTY ? 1 : 0);
  /* The socket goes over to the client; what is left of the connection is swept. */
  int fd = fcntl(c->socket.fd, F_DUPFD_CLOEXEC, 3);
  if (fd < 0 || client_attach(p, fd, flags, stall_ms, bytes, sizeof bytes) < 0) {
    int err = errno;
    if (fd >= 0) close(fd);
    reply_error(c, c->head.id, MSG_ATTACH, err, "attach");
    return;
  }
  connection_gone(c);
}

static void on_shutdown(struct connection *c) {
  /* Before the reply: who has it finds nothing mounted of what has ended. */
  for (struct process *p = processes; p; p = p->next) process_drop_mounts(p);
  /* Ports first: who has the answer may give them to the next container. */
  ports_release_all();
  reply_ok(c, c->head.id, MSG_SHUTDOWN, NULL, 0);
  if (shutting_down) return;
  shutting_down = 1;
  watch_close(&listener);
  unlinkat(run_directory, basename(socket_path), 0); /* the directory may have been moved since */
  for (struct process *p = processes; p; p = p->next) process_kill(p, SIGKILL);
}

static void on_reserve_port(struct connection *c, struct reader *r) {
  uint32_t family = take_u32(r), protocol = take_u32(r), length;
  const uint8_t *address = take_bytes(r, &length);
  uint32_t port = take_u32(r), flags = take_u32(r);
  int fd = r->bad ? -EINVAL : ports_reserve(family, protocol, address, length, flags, &port);
  uint32_t body[2] = {port, (uint32_t)fd};
  if (fd < 0)
    reply_error(c, c->head.id, MSG_RESERVE_PORT, fd, "bind");
  else
    reply_ok(c, c->head.id, MSG_RESERVE_PORT, body, sizeof body);
}

/* Those that are named, or all. */
static void on_release_ports(struct connection *c, struct reader *r) {
  if (r->at == r->end) ports_release_all();
  while (r->at < r->end && !r->bad) ports_release((int)take_u32(r));
  reply_ok(c, c->head.id, MSG_RELEASE_PORTS, NULL, 0);
}

static void on_fork(struct connection *c, struct reader *r) {
  const char *socket = take_text(r);
  int err = -EINVAL;
  /* Only what has nothing of a container yet can begin anew. */
  if (!r->bad) err = process_find("") || shutting_down ? -EBUSY : fork_shim(socket);
  if (err < 0)
    reply_error(c, c->head.id, MSG_FORK, err, "start another supervisor");
  else
    reply_ok(c, c->head.id, MSG_FORK, NULL, 0);
}

static void handle(struct connection *c) {
  struct reader r = {c->payload, c->payload + c->head.length, 0};
  c->busy = 1; /* until its reply */
  switch (c->head.type) {
    case MSG_HELLO:
      return on_hello(c, &r);
    case MSG_CREATE:
      return on_create(c, &r);
    case MSG_START:
      return on_start(c);
    case MSG_STATE:
      return on_state(c);
    case MSG_KILL:
    case MSG_RESIZE:
    case MSG_CLOSE_STDIN:
      return on_process(c, &r);
    case MSG_ATTACH:
      return on_attach(c, &r);
    case MSG_EXEC:
    case MSG_EXTERNAL_EXEC:
      return on_exec(c, &r);
    case MSG_EXTERNAL_CREATE:
      return on_external_create(c, &r);
    case MSG_SHUTDOWN:
      return on_shutdown(c);
    case MSG_RESERVE_PORT:
      return on_reserve_port(c, &r);
    case MSG_RELEASE_PORTS:
      return on_release_ports(c, &r);
    case MSG_FORK:
      return on_fork(c, &r);
    default:
      return reply_error(c, c->head.id, c->head.type, ENOSYS, "request is not known to this shim");
  }
}

/* — Reading: exactly one message, never a byte of what follows it (it may be a stream) — */

static void free_payload(struct connection *c) {
  if (c->payload && c->payload != c->inline_payload) munmap(c->payload, c->head.length);
  c->payload = NULL;
}

/* 1 all there, 0 later, -1 gone. */
static int receive(struct connection *c, void *to, uint32_t length, uint32_t *got) {
  while (*got < length) {
    ssize_t n = recv(c->socket.fd, (uint8_t *)to + *got, length - *got, MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) return -1;
    *got += (uint32_t)n;
  }
  return 1;
}

static int receive_message(struct connection *c) {
  int result = receive(c, &c->head, sizeof c->head, &c->head_got);
  if (result <= 0) return result;
  if (c->head.length > MAX_PAYLOAD) return -1;
  if (!c->payload) {
    c->payload = c->inline_payload;
    if (c->head.length > INLINE_PAYLOAD) {
      c->payload = mmap(NULL, c->head.length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (c->payload == MAP_FAILED) {
        c->payload = NULL;
        return -1;
      }
    }
  }
  return receive(c, c->payload, c->head.length, &c->payload_got);
}

static void connection_ready(struct watch *w, uint32_t events) {
  struct connection *c = MEMBER_OF(w, struct connection, socket);
  if ((events & EPOLLOUT) && ring_flush(&c->output, w->fd) < 0) connection_gone(c);
  /* While a request is pending only the peer's end is of interest. */
  if (c->busy && (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR))) connection_gone(c);
  while (!c->gone && !c->busy) {
    int result = receive_message(c);
    if (result == 0) break;
    if (result < 0) {
      connection_gone(c);
      break;
    }
    handle(c);
    free_payload(c);
    c->head_got = c->payload_got = 0;
  }
  connection_update(c);
}

/* — Connections come and go — */

static void accept_ready(struct watch *w, uint32_t events) {
  (void)events;
  int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  struct ucred peer = {.uid = (uid_t)-1};
  socklen_t length = sizeof peer;
  struct connection *c = NULL;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == 0 || peer.uid == geteuid()))
    c = calloc(1, sizeof *c);
  if (!c) {
    close(fd);
    return;
  }
  watch_init(&c->socket, fd, connection_ready);
  c->output.capacity = CONTROL_RING;
  c->next = connections;
  connections = c;
  connection_update(c);
}

void server_sweep(void) {
  for (struct connection **at = &connections; *at;) {
    struct connection *c = *at;
    if (!c->gone) {
      at = &c->next;
      continue;
    }
    *at = c->next;
    watch_close(&c->socket);
    free_payload(c);
    ring_free(&c->output);
    free(c);
  }
}

void server_forget(void) {
  while (connections) {
    struct connection *c = connections;
    connections = c->next;
    free_payload(c);
    ring_free(&c->output);
    free(c);
  }
  claimed = 0;
}

int server_listen(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, strlen(path) + 1);
  memcpy(socket_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  mode_t before = umask(0177);
  int result = bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 64) < 0 ? -errno : 0;
  umask(before);
  if (result < 0) {
    close(fd);
    return result;
  }
  watch_init(&listener, fd, accept_ready);
  return 0;
}

void server_begin(void) {
  watch_set(&listener, EPOLLIN);
  unclaimed_until_ms = now_ms() + UNCLAIMED_LIMIT_MS;
}

int server_finished(void) {
  struct process *init = process_find("");
  if (shutting_down) {
    for (struct process *p = processes; p; p = p->next)
      if (!p->announced && !p->finished) return 0;
    return draining_clients == NULL;
  }
  if (init || connections) return 0;
  /* Nothing was made here, and nobody is there who could. */
  return claimed || now_ms() >= unclaimed_until_ms;
}

static void sooner(int *next, int64_t ms) {
  if (ms < 0) ms = 0;
  if (*next < 0 || ms < *next) *next = (int)ms;
}

int server_timers(void) {
  uint64_t now = now_ms();
  int next = clients_check_stalls(now);
  if (log_held()) {
    if (log_is_full())
      sooner(&next, LOG_RETRY_MS);
    else if (processes)
      stdio_update(processes);
  }
  if (!claimed) sooner(&next, (int64_t)unclaimed_until_ms - (int64_t)now);
  for (struct process *p = processes; p; p = p->next) {
    if (!p->reaped || p->announced || p->finished) continue;
    if (p->drain_by_ms <= now)
      process_settle(p);
    else
      sooner(&next, (int64_t)p->drain_by_ms - (int64_t)now);
  }
  return next;
}
