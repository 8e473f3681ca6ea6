/*
 * PID 1 of a container that asks for an init: `docker-init -- PROGRAM ARG…`. It starts the program, passes on the signals
 * that it gets, reaps every orphan, and ends with the program's exit code (128 + N when signal N ended it).
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Exit codes of a shell for a program that is not there, and for one that cannot be run. */
#define NOT_FOUND 127
#define NOT_RUNNABLE 126

/* Signals that the kernel sends for a fault of this process itself: they are not for the program. */
static const int OWN[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS};

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(stderr, "docker-init: ");
  vfprintf(stderr, format, args);
  fprintf(stderr, "\n");
  va_end(args);
}

/* A group of its own that has the terminal, so that Ctrl-C and job control reach the program alone. */
static int take_terminal(void) {
  if (setpgid(0, 0) < 0) return -1;
  /* Not a terminal, not ours, or not the session's: there is nothing to hand over. */
  if (tcsetpgrp(STDIN_FILENO, getpgrp()) == 0 || errno == ENOTTY || errno == ENXIO || errno == EBADF) return 0;
  return -1;
}

__attribute__((noreturn)) static void run(char **argv, const sigset_t *mask) {
  if (take_terminal() < 0) {
    say("cannot hand over the terminal: %s", strerror(errno));
    _exit(1);
  }
  signal(SIGTTIN, SIG_DFL);
  signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(argv[0], argv);
  int err = errno;
  say("exec %s failed: %s", argv[0], strerror(err));
  _exit(err == ENOENT ? NOT_FOUND : err == EACCES ? NOT_RUNNABLE : 1);
}

static int code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Every process that has ended; gives the exit code of `program`, or -1 while it runs. */
static int reap(pid_t program) {
  int code = -1, status;
  for (;;) {
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == program) code = code_of(status);
    if (pid == 0 || (pid < 0 && errno != EINTR)) return code;
  }
}

int main(int argc, char **argv) {
  if (argc < 3 || strcmp(argv[1], "--") != 0) {
    fprintf(stderr, "usage: %s -- PROGRAM [ARG...]\n", argc > 0 ? argv[0] : "docker-init");
    return 1;
  }
  /* Orphans come here also when this is not PID 1 of its namespace. */
  if (getpid() != 1) prctl(PR_SET_CHILD_SUBREAPER, 1);
  sigset_t all, before;
  sigfillset(&all);
  for (size_t i = 0; i < sizeof OWN / sizeof OWN[0]; i++) sigdelset(&all, OWN[i]);
  sigprocmask(SIG_SETMASK, &all, &before);
  /* The program's group has the terminal; what this process writes must not stop it. */
  signal(SIGTTIN, SIG_IGN);
  signal(SIGTTOU, SIG_IGN);
  pid_t program = fork();
  if (program < 0) {
    say("fork: %s", strerror(errno));
    return 1;
  }
  if (program == 0) run(argv + 2, &before);
  for (;;) {
    int code = reap(program);
    if (code >= 0) return code;
    int signal = sigwaitinfo(&all, NULL);
    if (signal > 0 && signal != SIGCHLD) kill(program, signal);
  }
}
