/*
 * A shim that has no container makes further ones: the same program in a process of its own, without the two execs that
 * the first one took to be a sealed copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loop.h"
#include "shim.h"

#define REPORT_FD 3

/* 0 or a negative errno: nothing of the one that forked is left. */
static int begin_anew(const char *socket) {
  int err;
  server_forget();
  setsid();
  if (loop_init() < 0) return -errno;
  if ((err = open_run_directory(socket)) < 0 || (err = server_listen(socket)) < 0 || (err = take_signals()) < 0) return err;
  rename_command();
  server_begin();
  return 0;
}

static void child(const char *path, int report) {
  /* The text is in the connection's memory. */
  char *socket = strdup(path);
  if (!socket) _exit(1);
  if (report != REPORT_FD) dup3(report, REPORT_FD, O_CLOEXEC);
  close_range(REPORT_FD + 1, ~0u, 0);
  int err = begin_anew(socket);
  free(socket);
  if (write(REPORT_FD, &err, sizeof err) != sizeof err || err < 0) _exit(1);
  close(REPORT_FD);
  serve();
  _exit(0);
}

int fork_shim(const char *socket) {
  int report[2], err = -ECHILD;
  if (pipe2(report, O_CLOEXEC) < 0) return -errno;
  /* A sister, not a child: whoever reaps this one reaps that one. */
  struct clone_args clone = {.flags = CLONE_PARENT};
  long pid = syscall(SYS_clone3, &clone, sizeof clone);
  if (pid == 0) child(socket, report[1]);
  if (pid < 0) err = -errno;
  close(report[1]);
  ssize_t n = 0;
  while (pid > 0 && (n = read(report[0], &err, sizeof err)) < 0 && errno == EINTR) {
  }
  if (pid > 0 && n != (ssize_t)sizeof err) err = -ECHILD;
  close(report[0]);
  return err;
}
