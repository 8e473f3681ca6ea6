/*
 * berth-shim --socket PATH [--overlay=mount2]
 *
 * Supervises one container. Listens on PATH, whose directory is also where exit records go; the process that was started
 * ends with 0 once the socket listens, and the shim goes on in a session of its own as a child of PID 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "plan.h"
#include "shim.h"

#define IDLE_MS 1000

static struct watch signals;
char *socket_argument;

static void die(const char *what, int err) {
  dprintf(2, "berth-shim: %s: %s\n", what, strerror(err < 0 ? -err : err));
  exit(1);
}

static void signal_ready(struct watch *w, uint32_t events) {
  (void)events;
  struct signalfd_siginfo info;
  while (read(w->fd, &info, sizeof info) == sizeof info) {
  }
  processes_reap();
}

/* The session of its own: nothing of the daemon's terminal, process group or working directory is kept. */
static void detach(void) {
  pid_t pid = fork();
  if (pid < 0) die("fork", errno);
  if (pid > 0) _exit(0);
  setsid();
  if (chdir("/") < 0) die("chdir", errno);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) die("/dev/null", errno);
  for (int i = 0; i < 3; i++) dup2(null, i);
  if (null > 2) close(null);
}

int take_signals(void) {
  struct sigaction standard = {.sa_handler = SIG_DFL}, ignore = {.sa_handler = SIG_IGN};
  for (int i = 1; i < NSIG; i++) sigaction(i, &standard, NULL);
  /* A terminal's or a stopping daemon's signals to its group are not for this one. */
  const int ignored[] = {SIGPIPE, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, SIGTSTP};
  for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++) sigaction(ignored[i], &ignore, NULL);
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_SETMASK, &mask, NULL);
  int fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) return -errno;
  watch_init(&signals, fd, signal_ready);
  watch_set(&signals, EPOLLIN);
  return 0;
}

int open_run_directory(const char *socket) {
  char copy[PATH_BYTES];
  snprintf(copy, sizeof copy, "%s", socket);
  run_directory = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
  struct stat st;
  if (run_directory < 0 || fstat(run_directory, &st) < 0) return -errno;
  /* It must be its owner's alone. */
  return st.st_uid != geteuid() || (st.st_mode & 077) ? -EACCES : 0;
}

/* The directory may have been moved since; then the command line, which people and tools look at, says where it is. */
void rename_command(void) {
  char link[32], path[PATH_BYTES];
  snprintf(link, sizeof link, "/proc/self/fd/%d", run_directory);
  ssize_t length = readlink(link, path, sizeof path - 1);
  size_t room = strlen(socket_argument);
  const char *name = strrchr(socket_argument, '/');
  if (length > 0 && name && (size_t)length + strlen(name) == room) memcpy(socket_argument, path, (size_t)length);
}

void serve(void) {
  int busy = 0; /* something went on since memory was last given back */
  while (!server_finished()) {
    int timeout = server_timers();
    if (busy && (timeout < 0 || timeout > IDLE_MS)) timeout = IDLE_MS;
    if (loop_round(timeout) > 0) {
      busy = 1;
    } else if (busy) {
      log_idle();
      stdio_idle();
      busy = 0;
    }
    clients_sweep();
    processes_sweep();
    server_sweep();
  }
}

int main(int argc, char **argv) {
  const char *socket = NULL;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--socket") == 0 && i + 1 < argc)
      socket = socket_argument = argv[++i];
    else if (strcmp(argv[i], "--overlay=mount2") == 0)
      overlay_by_mount2 = 1;
    else
      die(argv[i], EINVAL);
  }
  if (!socket) die("--socket is missing", EINVAL);
  int err = seal_executable(argv);
  if (err < 0) die("seal executable", err);
  prctl(PR_SET_NAME, "berth-shim");
  prctl(PR_SET_DUMPABLE, 0);
  close_range(3, ~0u, 0);
  umask(022);
  if ((err = open_run_directory(socket)) < 0) die(err == -EACCES ? "run directory must be its owner's alone (0700)" : socket, err);
  if ((err = server_listen(socket)) < 0) die(socket, err);
  detach();
  if (loop_init() < 0) die("epoll", errno);
  if ((err = take_signals()) < 0) die("signalfd", err);
  server_begin();
  serve();
  return 0;
}
