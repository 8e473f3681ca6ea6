/* Other OCI runtimes: their create, start and exec are run as programs; what they make becomes a child of the shim. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shim.h"

struct external {
  struct process *process;
  char pid_file[4096];
  char console_path[sizeof((struct sockaddr_un *)0)->sun_path];
  struct watch console; /* the listening socket, then its connection */
  uint8_t *start;       /* argument list, copied: it is run later */
  size_t start_length;
};

static int subreaper;

/* — Running a program — */

static char **take_arguments(struct reader list) {
  uint32_t count = take_count(&list, 5);
  char **argv = calloc((size_t)count + 1, sizeof *argv);
  for (uint32_t i = 0; argv && i < count; i++) argv[i] = (char *)take_text(&list);
  return argv;
}

static pid_t run_program(struct reader arguments, const int ends[3]) {
  char **argv = take_arguments(arguments);
  if (!argv || !argv[0]) {
    free(argv);
    errno = EINVAL;
    return -1;
  }
  pid_t pid = fork();
  if (pid == 0) {
    char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    for (int i = 0; i < 3; i++)
      if (ends[i] >= 0) dup2(ends[i], i); /* else /dev/null, as the shim's own */
    for (int i = 1; i < NSIG; i++) signal(i, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    syscall(SYS_close_range, 3, ~0u, 0);
    execvpe(argv[0], argv, environment);
    _exit(127);
  }
  int err = errno;
  free(argv);
  errno = err;
  return pid;
}

/* — The terminal's master, from the runtime — */

static void console_readable(struct watch *w, uint32_t events) {
  (void)events;
  struct external *x = MEMBER_OF(w, struct external, console);
  char name[256];
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec part = {name, sizeof name};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(w->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
  int master = -1;
  if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS) memcpy(&master, CMSG_DATA(c), sizeof master);
  watch_close(w);
  if (master < 0) return;
  stdio_take_master(x->process, master);
  stdio_update(x->process);
}

static void console_accept(struct watch *w, uint32_t events) {
  (void)events;
  int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd < 0) return;
  struct external *x = MEMBER_OF(w, struct external, console);
  watch_close(w);
  unlink(x->console_path);
  watch_init(w, fd, console_readable);
  watch_set(w, EPOLLIN);
}

static int listen_for_console(struct external *x, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) return -ENAMETOOLONG;
  memcpy(address.sun_path, path, strlen(path) + 1);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 1) < 0) {
    int err = -errno;
    close(fd);
    return err;
  }
  memcpy(x->console_path, path, strlen(path) + 1);
  watch_init(&x->console, fd, console_accept);
  watch_set(&x->console, EPOLLIN);
  return 0;
}

/* — From request to pid — */

void external_free(struct process *p) {
  struct external *x = p->external;
  if (!x) return;
  watch_close(&x->console);
  if (x->console_path[0]) unlink(x->console_path);
  free(x->start);
  free(x);
  p->external = NULL;
}

static int prepare(struct external *x, const struct external_options *o) {
  if (strlen(o->pid_file) >= sizeof x->pid_file) return -ENAMETOOLONG;
  memcpy(x->pid_file, o->pid_file, strlen(o->pid_file) + 1);
  x->start_length = (size_t)(o->start.end - o->start.at);
  x->start = malloc(x->start_length + 1);
  if (!x->start) return -ENOMEM;
  memcpy(x->start, o->start.at, x->start_length);
  return *o->console_socket ? listen_for_console(x, o->console_socket) : 0;
}

int external_spawn(const char *id, uint32_t flags, const struct external_options *o, struct connection *waiter,
                   uint32_t waiter_id, uint16_t waiter_type) {
  if (!subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0) return -errno;
  subreaper = 1;
  int ends[3];
  struct process *p = process_new(id, flags, ends, waiter, waiter_id, waiter_type);
  if (!p) return -errno;
  int result = -ENOMEM;
  p->external = calloc(1, sizeof *p->external);
  if (p->external) {
    p->external->process = p;
    p->external->console.fd = -1;
    result = prepare(p->external, o);
  }
  if (result == 0 && (p->helper = run_program(o->create, ends)) < 0) result = -errno;
  for (int i = 0; i < 3; i++)
    if (ends[i] >= 0) close(ends[i]);
  if (result == 0) return 0;
  p->helper = 0;
  p->waiter = NULL; /* the caller answers */
  p->finished = 1;
  return result;
}

int external_start(struct process *p) {
  struct external *x = p->external;
  const int none[3] = {-1, -1, -1};
  p->helper = run_program((struct reader){x->start, x->start + x->start_length, 0}, none);
  if (p->helper > 0) return 0;
  int err = -errno;
  p->helper = 0;
  p->phase = PHASE_CREATED;
  p->waiter = NULL;
  return err;
}

static pid_t read_pid(const char *path) {
  char text[32];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0) return -1;
  text[n] = 0;
  long pid = strtol(text, NULL, 10);
  return pid > 1 ? (pid_t)pid : -1;
}

void external_ended(struct process *p, int status) {
  char text[128];
  if (WIFEXITED(status))
    snprintf(text, sizeof text, "the runtime ended with %d", WEXITSTATUS(status));
  else
    snprintf(text, sizeof text, "the runtime was killed by signal %d", WTERMSIG(status));
  int good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (p->phase == PHASE_STARTING) {
    if (good) {
      process_started(p);
    } else {
      /* What was created is still there, for the runtime's own delete. */
      p->phase = PHASE_CREATED;
      if (p->waiter) reply_error(p->waiter, p->waiter_id, p->waiter_type, ECHILD, text);
      p->waiter = NULL;
    }
    return;
  }
  if (p->phase != PHASE_SPAWNING) return;
  pid_t pid = good ? read_pid(p->external->pid_file) : -1;
  if (pid < 0) {
    process_failed(p, 0, 0, ECHILD, good ? "the runtime left no pid" : text);
    return;
  }
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0 && errno == ESRCH) {
    /* Not even a zombie: the runtime has waited for it itself, and its end will be told to nobody. */
    process_failed(p, 0, 0, ECHILD, "the runtime left no process");
    return;
  }
  p->pid = pid;
  p->pidfd = pidfd;
  /* A terminal's master is in the socket's queue by now: the runtime has sent it before it ended. */
  for (int i = 0; i < 2 && p->external->console.fd >= 0; i++) p->external->console.ready(&p->external->console, EPOLLIN);
  process_spawned(p);
}

void external_reap_strangers(void) {
  if (!subreaper) return;
  for (;;) {
    siginfo_t info = {0};
    if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0) return;
    for (struct process *p = processes; p; p = p->next) {
      /* Known, or made by a program whose pid file is not read yet. */
      if (!p->finished && (p->helper > 0 || p->pid == info.si_pid || p->phase == PHASE_SPAWNING)) return;
    }
    waitpid(info.si_pid, NULL, WNOHANG);
  }
}
