/* Processes: from a plan to a pid, to an exit that is recorded and announced. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "plan.h"
#include "shim.h"

struct process *processes;

struct process *process_find(const char *id) {
  for (struct process *p = processes; p; p = p->next)
    if (!p->finished && strcmp(p->id, id) == 0) return p;
  return NULL;
}

/* The last holder of a mount namespace waits for the disk and the kernel's grace periods; better here than in PID 1. */
static void hold_mounts(struct process *p) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/ns/mnt", p->pid);
  p->mounts = open(path, O_RDONLY | O_CLOEXEC);
}

void process_drop_mounts(struct process *p) {
  if (p->mounts >= 0) close(p->mounts);
  p->mounts = -1;
}

static void process_free(struct process *p) {
  for (struct process **at = &processes; *at; at = &(*at)->next) {
    if (*at != p) continue;
    *at = p->next;
    break;
  }
  clients_end(p);
  stdio_close(p);
  watch_close(&p->channel);
  external_free(p);
  if (p->pidfd >= 0) close(p->pidfd);
  process_drop_mounts(p);
  free(p->failed_text);
  free(p);
}

void processes_sweep(void) {
  for (struct process *p = processes, *next; p; p = next) {
    next = p->next;
    /* The helper may take longer to end than the process that it made; its SIGCHLD brings us here again. */
    if (p->finished && p->helper > 0 && waitpid(p->helper, NULL, WNOHANG) == 0) continue;
    if (p->finished) process_free(p);
  }
}

/* — In the child — */

/* Closes all but these (−1s are skipped): a waiting PID 1 must not hold a client's socket or another's pipe open. */
static void keep_only(int *keep, int count) {
  for (int i = 1; i < count; i++)
    for (int j = i; j > 0 && keep[j - 1] > keep[j]; j--) {
      int swap = keep[j];
      keep[j] = keep[j - 1];
      keep[j - 1] = swap;
    }
  int next = 3;
  for (int i = 0; i < count; i++) {
    if (keep[i] < next) continue;
    if (keep[i] > next) syscall(SYS_close_range, next, keep[i] - 1, 0);
    next = keep[i] + 1;
  }
  syscall(SYS_close_range, next, ~0u, 0);
}

__attribute__((noreturn)) static void child(int channel, const int ends[3], const uint8_t *bytes, size_t length,
                                            int begun_in) {
  static struct plan plan;
  memset(plan.slots, -1, sizeof plan.slots);
  plan.begun_in = begun_in;
  plan.channel = channel;
  memcpy(plan.stdio, ends, sizeof plan.stdio);
  struct process *init = process_find("");
  plan.init_pidfd = init && init->phase == PHASE_RUNNING ? init->pidfd : -1;
  plan.root = plan.proc = plan.null_mask = plan.dir_mask = -1;
  int keep[] = {channel, ends[0], ends[1], ends[2], plan.init_pidfd};
  keep_only(keep, sizeof keep / sizeof keep[0]);
  signal(SIGPIPE, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  plan_run(&plan, bytes, length);
}

/* — The channel — */

static int write_map(pid_t pid, const char *name, const char *text) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t n = write(fd, text, strlen(text));
  int err = n < 0 ? errno : 0;
  close(fd);
  return err;
}

static void set_maps(struct process *p, int deny, const char *text, size_t length) {
  const char *uid_map = text, *gid_map = text + strnlen(text, length) + 1;
  int32_t err = gid_map >= text + length || text[length - 1] ? EINVAL : 0;
  if (!err && deny) err = write_map(p->helper, "setgroups", "deny");
  if (!err) err = write_map(p->helper, "uid_map", uid_map);
  if (!err) err = write_map(p->helper, "gid_map", gid_map);
  send(p->channel.fd, &err, sizeof err, MSG_NOSIGNAL);
}

void process_spawned(struct process *p) {
  p->phase = p->id[0] ? PHASE_RUNNING : PHASE_CREATED;
  if (p->id[0]) p->started_at = now_nanos();
  else hold_mounts(p);
  uint32_t pid = (uint32_t)p->pid;
  if (p->waiter) reply_ok(p->waiter, p->waiter_id, p->waiter_type, &pid, sizeof pid);
  p->waiter = NULL;
  stdio_update(p);
  /* After the answer: nobody waits for this. */
  if (!p->id[0]) oom_begin();
}

void process_started(struct process *p) {
  p->phase = PHASE_RUNNING;
  p->started_at = now_nanos();
  if (p->waiter) reply_ok(p->waiter, p->waiter_id, p->waiter_type, &p->started_at, sizeof p->started_at);
  p->waiter = NULL;
  stdio_update(p);
}

static void note_failure(struct process *p, uint32_t index, uint32_t opcode, int32_t err, const char *text) {
  if (p->failed) return;
  p->failed = 1;
  p->failed_index = index;
  p->failed_opcode = opcode;
  p->failed_errno = err;
  p->failed_text = strdup(text);
}

static void answer_failed(struct process *p) {
  /* Both are dead or dying: their ends of the channel are closed. After this, nothing of them is left. */
  if (p->helper > 0) waitpid(p->helper, NULL, 0);
  p->helper = 0;
  if (p->pid > 0 && !p->reaped) waitpid(p->pid, NULL, 0);
  process_drop_mounts(p);
  if (!p->id[0]) oom_end();
  if (p->waiter) reply_plan_failed(p->waiter, p->waiter_id, p->waiter_type, p);
  p->phase = PHASE_FAILED;
  p->finished = 1;
}

void process_failed(struct process *p, uint32_t index, uint32_t opcode, int32_t err, const char *text) {
  note_failure(p, index, opcode, err, text);
  answer_failed(p);
}

/* The last holder of the child's end is gone: by an exec, or by its death. */
static void channel_closed(struct process *p) {
  watch_close(&p->channel);
  if (!p->failed && p->phase == PHASE_SPAWNING && (p->pid == 0 || !p->id[0]))
    note_failure(p, 0, 0, ECHILD, "the process was killed while it was being set up");
  if (p->failed) {
    answer_failed(p);
    return;
  }
  if (p->phase == PHASE_SPAWNING) process_spawned(p);
  if (p->phase == PHASE_STARTING) process_started(p);
  processes_reap();
}

static int is_child(pid_t pid) {
  siginfo_t info;
  return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

static void take_message(struct process *p, struct channel_message *m, const char *text, size_t length, int fd) {
  switch (m->kind) {
    case CHANNEL_PID:
      /* Once, and a child of ours: a container with CAP_SYS_PTRACE may speak for the process that enters it. */
      if (p->pid > 0 || !is_child(m->value)) break;
      p->pid = m->value;
      p->pidfd = (int)syscall(SYS_pidfd_open, p->pid, 0);
      break;
    case CHANNEL_MAPS:
      set_maps(p, m->value, text, length);
      break;
    case CHANNEL_CONSOLE:
      if (fd >= 0) stdio_take_master(p, fd);
      return;
    case CHANNEL_READY:
      p->ready = 1;
      break;
    case CHANNEL_FAILED:
      note_failure(p, m->index, m->opcode, m->value, text);
      break;
  }
  if (fd >= 0) close(fd);
  if (p->phase == PHASE_SPAWNING && p->ready && p->pid > 0) process_spawned(p);
}

static void channel_ready(struct watch *w, uint32_t events) {
  (void)events;
  struct process *p = MEMBER_OF(w, struct process, channel);
  static char text[CHANNEL_TEXT + 1];
  for (;;) {
    struct channel_message head;
    union {
      struct cmsghdr head;
      char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec parts[2] = {{&head, sizeof head}, {text, CHANNEL_TEXT}};
    struct msghdr message = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n = recvmsg(w->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n < (ssize_t)sizeof head) {
      channel_closed(p);
      return;
    }
    int fd = -1;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
    size_t length = (size_t)n - sizeof head;
    text[length] = 0;
    take_message(p, &head, text, length, fd);
  }
}

/* — From the outside — */

struct process *process_new(const char *id, uint32_t flags, int child_ends[3], struct connection *waiter,
                            uint32_t waiter_id, uint16_t waiter_type) {
  struct process *p = calloc(1, sizeof *p);
  if (!p) return NULL;
  snprintf(p->id, sizeof p->id, "%s", id);
  p->flags = flags;
  p->pidfd = p->mounts = p->channel.fd = p->in.fd = p->out.fd = p->err.fd = -1;
  p->waiter = waiter;
  p->waiter_id = waiter_id;
  p->waiter_type = waiter_type;
  if (flags & PROCESS_HOLD_OUTPUT) p->holder = waiter;
  /* PID 1 stands first. */
  struct process **at = &processes;
  if (id[0] && *at && !(*at)->id[0]) at = &(*at)->next;
  p->next = *at;
  *at = p;
  int err = stdio_make(p, child_ends);
  if (err == 0) return p;
  for (int i = 0; i < 3; i++)
    if (child_ends[i] >= 0) close(child_ends[i]);
  process_free(p);
  errno = -err;
  return NULL;
}

/* fork, into a cgroup v2 directory; NULL: where we are. */
static pid_t fork_into(const char *cgroup) {
  if (!cgroup) return fork();
  int fd = open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -1;
  struct clone_args clone = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)fd};
  long pid = syscall(SYS_clone3, &clone, sizeof clone);
  int err = errno;
  if (pid != 0) close(fd); /* the child closes what is not its own */
  errno = err;
  return (pid_t)pid;
}

int process_spawn(const char *id, uint32_t flags, const uint8_t *plan, size_t length, struct connection *waiter,
                  uint32_t waiter_id, uint16_t waiter_type) {
  int checked = plan_check(plan, length);
  if (checked < 0) return checked;
  if (!(checked & PLAN_SPAWNS) || !(checked & PLAN_WAITS) != (id[0] != 0)) return -EINVAL;
  int ends[3], channel[2] = {-1, -1}, result = 0;
  struct process *p = process_new(id, flags, ends, waiter, waiter_id, waiter_type);
  if (!p) return -errno;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) result = -errno;
  const char *cgroup = plan_cgroup(plan, length);
  if (result == 0) {
    p->helper = fork_into(cgroup);
    if (p->helper == 0) child(channel[1], ends, plan, length, cgroup != NULL);
    if (p->helper < 0) result = -errno;
  }
  for (int i = 0; i < 3; i++)
    if (ends[i] >= 0) close(ends[i]);
  if (channel[1] >= 0) close(channel[1]);
  watch_init(&p->channel, channel[0], channel_ready);
  if (result < 0) {
    p->helper = 0;
    if (cgroup) {
      char text[512];
      snprintf(text, sizeof text, "clone into %s", cgroup);
      watch_close(&p->channel);
      process_failed(p, 0, OP_begin_in, -result, text);
      return 0;
    }
    process_free(p);
    return result;
  }
  watch_set(&p->channel, EPOLLIN);
  return 0;
}

int process_start(struct process *p, struct connection *waiter, uint32_t waiter_id) {
  if (p->phase != PHASE_CREATED || p->reaped || (p->channel.fd < 0 && !p->external)) return -EINVAL;
  p->waiter = waiter;
  p->waiter_id = waiter_id;
  p->waiter_type = MSG_START;
  p->phase = PHASE_STARTING;
  if (p->external) return external_start(p);
  if (send(p->channel.fd, "S", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE) return -errno;
  return 0;
}

int process_kill(struct process *p, int signal) {
  /* Not reaped, so the pid is still its own. What is being set up can only be ended. */
  if (p->pid <= 0 && p->helper > 0 && signal == SIGKILL) return kill(p->helper, signal) < 0 ? -errno : 0;
  if (p->pid <= 0 || p->reaped) return -ESRCH;
  return kill(p->pid, signal) < 0 ? -errno : 0;
}

int process_resize(struct process *p, unsigned rows, unsigned columns) {
  if (!(p->flags & PROCESS_TTY)) return -ENOTTY;
  if (p->out.fd < 0) return -ESRCH;
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  return ioctl(p->out.fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

void processes_forget(struct connection *c) {
  for (struct process *p = processes; p; p = p->next) {
    if (p->waiter == c) p->waiter = NULL;
    if (p->holder != c) continue;
    p->holder = NULL;
    stdio_update(p);
    process_settle(p);
  }
  external_reap_strangers();
}

/* — The end — */

void process_settle(struct process *p) {
  /* An end before its start was answered waits for that answer. */
  if (p->finished || !p->reaped || p->channel.fd >= 0 || p->phase == PHASE_SPAWNING || p->phase == PHASE_STARTING) return;
  if (!p->announced && (!stdio_open(p) || now_ms() >= p->drain_by_ms)) {
    p->announced = 1;
    p->phase = PHASE_EXITED;
    record_exit(p);
    server_announce_exit(p);
    if (stdio_open(p)) {
      p->giving_up = 1;
      stdio_update(p); /* comes back here when it found the end */
      return;
    }
  }
  if (!p->announced || stdio_open(p)) return;
  clients_end(p);
  stdio_close(p);
  process_drop_mounts(p);
  if (p->id[0]) p->finished = 1;
}

static void ended(struct process *p, int status) {
  p->reaped = 1;
  p->exited_at = now_nanos();
  p->code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (!p->id[0]) oom_settle(p);
  p->drain_by_ms = now_ms() + DRAIN_LIMIT_MS;
  stdio_close_input(p);
}

void processes_reap(void) {
  for (struct process *p = processes; p; p = p->next) {
    if (p->finished) continue;
    int status;
    if (p->helper > 0 && waitpid(p->helper, &status, WNOHANG) == p->helper) {
      p->helper = 0;
      if (p->external) external_ended(p, status);
    }
    if (p->pid > 0 && !p->reaped && waitpid(p->pid, &status, WNOHANG) == p->pid) ended(p, status);
    process_settle(p);
  }
  external_reap_strangers();
}
