/* Operations that make and enter namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <net/if.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

/* The shim saw to it before there was a process to run this (task.c). */
int op_begin_in(struct plan *plan, struct reader *args) {
  take_text(args);
  return plan->begun_in ? 0 : fail(plan, EINVAL, "begin_in is not the first operation");
}

int op_spawn_init(struct plan *plan, struct reader *args) {
  uint32_t flags = take_u32(args);
  const char *cgroup = take_text(args);
  if (args->bad) return -EINVAL;
  if (plan->spawned) return fail(plan, EINVAL, "spawn_init twice");
  struct clone_args clone = {.flags = (uint64_t)flags | CLONE_PARENT};
  int cgroup_fd = -1;
  if (*cgroup) {
    cgroup_fd = open(cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (cgroup_fd < 0) return fail(plan, errno, "open %s", cgroup);
    clone.flags |= CLONE_INTO_CGROUP;
    clone.cgroup = (uint64_t)cgroup_fd;
  }
  long pid = syscall(SYS_clone3, &clone, sizeof clone);
  if (pid < 0) return fail(plan, errno, "clone");
  if (pid > 0) {
    channel_send(plan->channel, CHANNEL_PID, (int32_t)pid, 0, 0, NULL, 0, -1);
    _exit(0);
  }
  if (cgroup_fd >= 0) close(cgroup_fd);
  plan->spawned = 1;
  if (plan->proc >= 0) close(plan->proc); /* it belongs to A's pid namespace */
  plan->proc = -1;
  return 0;
}

int op_unshare(struct plan *plan, struct reader *args) {
  uint32_t flags = take_u32(args);
  if (unshare((int)flags) < 0) return fail(plan, errno, "unshare 0x%x", flags);
  return 0;
}

int op_setns(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  uint32_t kind = take_u32(args);
  if (args->bad) return -EINVAL;
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(plan, errno, "open %s", path);
  int result = setns(fd, (int)kind);
  int err = errno;
  close(fd);
  return result < 0 ? fail(plan, err, "setns %s", path) : 0;
}

int op_join_init(struct plan *plan, struct reader *args) {
  uint32_t flags = take_u32(args);
  if (plan->init_pidfd < 0) return fail(plan, ESRCH, "the container has no process");
  if (setns(plan->init_pidfd, (int)flags) < 0) return fail(plan, errno, "setns to the container's namespaces");
  if (!(flags & CLONE_NEWNS)) return 0;
  if (plan->root >= 0) close(plan->root);
  close(plan->init_pidfd); /* nothing is left to join */
  plan->root = plan->init_pidfd = -1;
  return 0;
}

static int become_root(struct plan *plan, int groups) {
  if (groups && setgroups(0, NULL) < 0) return fail(plan, errno, "setgroups");
  if (setresgid(0, 0, 0) < 0) return fail(plan, errno, "setgid 0");
  if (setresuid(0, 0, 0) < 0) return fail(plan, errno, "setuid 0");
  /* The kernel may have set it by the change of ids. */
  prctl(PR_SET_DUMPABLE, 0);
  return 0;
}

int op_sync_maps(struct plan *plan, struct reader *args) {
  const char *uid_map = take_text(args);
  const char *gid_map = take_text(args);
  uint32_t deny = take_u32(args);
  if (args->bad) return -EINVAL;
  char text[CHANNEL_TEXT];
  size_t first = strlen(uid_map) + 1, second = strlen(gid_map) + 1;
  if (first + second > sizeof text) return fail(plan, E2BIG, "id maps too long");
  memcpy(text, uid_map, first);
  memcpy(text + first, gid_map, second);
  channel_send(plan->channel, CHANNEL_MAPS, (int32_t)deny, 0, 0, text, first + second, -1);
  int32_t answer = EPIPE;
  ssize_t n;
  while ((n = recv(plan->channel, &answer, sizeof answer, 0)) < 0 && errno == EINTR) {
  }
  if (n != (ssize_t)sizeof answer) return fail(plan, EPIPE, "the shim went away");
  if (answer) return fail(plan, answer, "write id maps");
  return become_root(plan, !deny);
}

int op_new_session(struct plan *plan, struct reader *args) {
  (void)args;
  if (setsid() < 0 && errno != EPERM) return fail(plan, errno, "setsid");
  return 0;
}

static int write_path(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  int result = write_all_once(fd, text, strlen(text));
  int err = errno;
  close(fd);
  errno = err;
  return result;
}

/* A process that only holds a new user namespace open; its maps are written by us, its parent. */
static pid_t hold_userns(int ready[2]) {
  pid_t pid = fork();
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  char failed = unshare(CLONE_NEWUSER) < 0 ? (char)errno : 0;
  if (write(ready[1], &failed, 1) != 1) _exit(1);
  for (;;) pause();
}

int op_new_userns(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *uid_map = take_text(args);
  const char *gid_map = take_text(args);
  if (args->bad) return -EINVAL;
  int ready[2];
  if (pipe2(ready, O_CLOEXEC) < 0) return fail(plan, errno, "pipe");
  pid_t pid = hold_userns(ready);
  char failed = EIO, path[64];
  int fd = -1, err = errno;
  if (pid > 0 && read(ready[0], &failed, 1) == 1 && failed == 0) {
    snprintf(path, sizeof path, "/proc/%d/uid_map", pid);
    int mapped = write_path(path, uid_map) == 0;
    snprintf(path, sizeof path, "/proc/%d/gid_map", pid);
    mapped = mapped && write_path(path, gid_map) == 0;
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    if (mapped) fd = open(path, O_RDONLY | O_CLOEXEC);
    err = errno;
  } else if (pid > 0) {
    err = failed;
  }
  if (pid > 0) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
  }
  close(ready[0]);
  close(ready[1]);
  if (fd < 0) return fail(plan, err, "user namespace for an idmapped mount");
  return slot_set(plan, slot, fd);
}

int op_hostname(struct plan *plan, struct reader *args) {
  const char *name = take_text(args);
  if (sethostname(name, strlen(name)) < 0) return fail(plan, errno, "sethostname %s", name);
  return 0;
}

int op_domainname(struct plan *plan, struct reader *args) {
  const char *name = take_text(args);
  if (setdomainname(name, strlen(name)) < 0) return fail(plan, errno, "setdomainname %s", name);
  return 0;
}

int op_loopback_up(struct plan *plan, struct reader *args) {
  (void)args;
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(plan, errno, "socket");
  struct ifreq request = {.ifr_name = "lo"};
  int result = ioctl(fd, SIOCGIFFLAGS, &request);
  if (result == 0 && !(request.ifr_flags & IFF_UP)) {
    request.ifr_flags |= IFF_UP | IFF_RUNNING;
    result = ioctl(fd, SIOCSIFFLAGS, &request);
  }
  int err = errno;
  close(fd);
  return result < 0 ? fail(plan, err, "lo up") : 0;
}
