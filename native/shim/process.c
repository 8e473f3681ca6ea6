/* Operations on the process itself: credentials, limits, filters, the exec. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

#define LAST_CAPABILITY 63
#define MAX_FILTER 4096

int op_rlimit(struct plan *plan, struct reader *args) {
  uint32_t resource = take_u32(args);
  struct rlimit limit = {.rlim_cur = take_u64(args)};
  limit.rlim_max = take_u64(args);
  if (args->bad) return -EINVAL;
  if (setrlimit(resource, &limit) < 0) return fail(plan, errno, "setrlimit %u", resource);
  return 0;
}

int op_umask(struct plan *plan, struct reader *args) {
  (void)plan;
  umask(take_u32(args));
  return 0;
}

int op_bounding(struct plan *plan, struct reader *args) {
  uint64_t keep = take_u64(args);
  for (int cap = 0; cap <= LAST_CAPABILITY; cap++) {
    if (keep >> cap & 1) continue;
    int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
    if (held < 0) break; /* beyond the kernel's last */
    if (held && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0) return fail(plan, errno, "drop capability %d", cap);
  }
  return 0;
}

int op_capset(struct plan *plan, struct reader *args) {
  uint64_t effective = take_u64(args), permitted = take_u64(args), inheritable = take_u64(args);
  if (args->bad) return -EINVAL;
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  for (int i = 0; i < 2; i++) {
    data[i].effective = (uint32_t)(effective >> (32 * i));
    data[i].permitted = (uint32_t)(permitted >> (32 * i));
    data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
  }
  if (syscall(SYS_capset, &head, data) < 0) return fail(plan, errno, "capset");
  return 0;
}

int op_fs_ids(struct plan *plan, struct reader *args) {
  uint32_t uid = take_u32(args), gid = take_u32(args);
  if (args->bad) return -EINVAL;
  setfsgid(gid);
  setfsuid(uid);
  /* They say nothing of failure: asking with an id that is none gives the present one. */
  if ((uint32_t)setfsgid((gid_t)-1) != gid || (uint32_t)setfsuid((uid_t)-1) != uid) return fail(plan, EPERM, "setfsuid %u", uid);
  /* credentials: a change from root takes the capabilities for files out of the effective set. */
  struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2];
  if (syscall(SYS_capget, &head, data) < 0) return fail(plan, errno, "capget");
  for (int i = 0; i < 2; i++) data[i].effective = data[i].permitted;
  if (syscall(SYS_capset, &head, data) < 0) return fail(plan, errno, "capset");
  return 0;
}

int op_ambient(struct plan *plan, struct reader *args) {
  uint64_t mask = take_u64(args);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return fail(plan, errno, "clear ambient set");
  for (int cap = 0; cap <= LAST_CAPABILITY; cap++)
    if ((mask >> cap & 1) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
      return fail(plan, errno, "ambient capability %d", cap);
  return 0;
}

int op_keep_caps(struct plan *plan, struct reader *args) {
  uint32_t on = take_u32(args);
  if (prctl(PR_SET_KEEPCAPS, on ? 1 : 0, 0, 0, 0) < 0) return fail(plan, errno, "keepcaps");
  return 0;
}

int op_no_new_privs(struct plan *plan, struct reader *args) {
  (void)args;
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return fail(plan, errno, "no_new_privs");
  return 0;
}

int op_seccomp(struct plan *plan, struct reader *args) {
  static struct sock_filter filter[MAX_FILTER]; /* aligned, which the plan's bytes are not */
  uint32_t length;
  const uint8_t *bytes = take_bytes(args, &length);
  uint32_t flags = take_u32(args);
  if (args->bad || length == 0 || length % sizeof filter[0] || length > sizeof filter)
    return fail(plan, EINVAL, "seccomp program of %u bytes", length);
  memcpy(filter, bytes, length);
  struct sock_fprog program = {.len = (unsigned short)(length / sizeof filter[0]), .filter = filter};
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) < 0) return fail(plan, errno, "seccomp");
  return 0;
}

int op_setgroups(struct plan *plan, struct reader *args) {
  static gid_t groups[65536];
  uint32_t count = take_count(args, 4);
  if (args->bad || count > 65536) return fail(plan, EINVAL, "%u groups", count);
  for (uint32_t i = 0; i < count; i++) groups[i] = take_u32(args);
  if (setgroups(count, groups) < 0) return fail(plan, errno, "setgroups");
  return 0;
}

int op_setgid(struct plan *plan, struct reader *args) {
  gid_t gid = take_u32(args);
  if (setresgid(gid, gid, gid) < 0) return fail(plan, errno, "setgid %u", gid);
  prctl(PR_SET_DUMPABLE, 0);
  return 0;
}

int op_setuid(struct plan *plan, struct reader *args) {
  uid_t uid = take_u32(args);
  if (setresuid(uid, uid, uid) < 0) return fail(plan, errno, "setuid %u", uid);
  prctl(PR_SET_DUMPABLE, 0);
  return 0;
}

int op_personality(struct plan *plan, struct reader *args) {
  uint32_t persona = take_u32(args);
  if (personality(persona) < 0) return fail(plan, errno, "personality 0x%x", persona);
  return 0;
}

int op_reset(struct plan *plan, struct reader *args) {
  (void)args;
  struct sigaction standard = {.sa_handler = SIG_DFL};
  for (int signal_ = 1; signal_ < NSIG; signal_++) sigaction(signal_, &standard, NULL); /* KILL and STOP refuse: fine */
  sigset_t none;
  sigemptyset(&none);
  if (sigprocmask(SIG_SETMASK, &none, NULL) < 0) return fail(plan, errno, "sigprocmask");
  struct sched_param normal = {0};
  sched_setscheduler(0, SCHED_OTHER, &normal);
  setpriority(PRIO_PROCESS, 0, 0); /* may need CAP_SYS_NICE when the daemon was niced: then the container keeps it */
  syscall(SYS_ioprio_set, 1 /* IOPRIO_WHO_PROCESS */, 0, 0);
  prctl(PR_SET_TIMERSLACK, 0, 0, 0, 0);
  prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
  prctl(PR_SET_SECUREBITS, 0, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  umask(022);
  return 0;
}

int op_die_with_shim(struct plan *plan, struct reader *args) {
  (void)args;
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0) return fail(plan, errno, "death signal");
  return 0;
}

int op_close_fds(struct plan *plan, struct reader *args) {
  (void)args;
  unsigned channel = (unsigned)plan->channel;
  if (channel > 3) syscall(SYS_close_range, 3, channel - 1, 0);
  if (syscall(SYS_close_range, channel + 1, ~0u, 0) < 0) return fail(plan, errno, "close_range");
  for (int i = 0; i < MAX_SLOTS; i++) plan->slots[i] = -1;
  for (int i = 0; i < 3; i++) plan->stdio[i] = -1;
  plan->root = plan->proc = plan->null_mask = plan->dir_mask = plan->init_pidfd = -1;
  return 0;
}

/* 0, or the errno why this file cannot be run by us. */
static int runnable(const char *path) {
  struct stat st;
  if (stat(path, &st) < 0) return errno;
  if (S_ISDIR(st.st_mode)) return EISDIR;
  if (is_own_executable(path)) return EACCES;
  if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0) return errno;
  return 0;
}

int op_find_program(struct plan *plan, struct reader *args) {
  const char *name = take_text(args);
  const char *path = take_text(args);
  if (args->bad) return -EINVAL;
  size_t length = strlen(name);
  if (length == 0 || length >= sizeof plan->program) return fail(plan, ENOENT, "%.200s", name);
  if (strchr(name, '/')) {
    int err = runnable(name);
    if (err) return fail(plan, err, "%.200s", name);
    memcpy(plan->program, name, length + 1);
    return 0;
  }
  for (const char *at = path; *at;) {
    size_t n = strcspn(at, ":");
    int written = n == 0 ? 0 : snprintf(plan->program, sizeof plan->program, "%.*s/%s", (int)n, at, name);
    if (written > 0 && written < (int)sizeof plan->program && runnable(plan->program) == 0) return 0;
    at += n;
    if (*at == ':') at++;
  }
  plan->program[0] = 0;
  return fail(plan, ENOENT, "%.200s", name);
}

int op_wait_start(struct plan *plan, struct reader *args) {
  (void)args;
  channel_send(plan->channel, CHANNEL_READY, 0, 0, 0, NULL, 0, -1);
  char go;
  ssize_t n;
  while ((n = recv(plan->channel, &go, 1, 0)) < 0 && errno == EINTR) {
  }
  /* Without a shim there is nobody to reap or serve what would start now. */
  if (n != 1) _exit(1);
  return 0;
}

static char **take_strings(struct reader *args) {
  uint32_t count = take_count(args, 5);
  char **list = calloc((size_t)count + 1, sizeof *list);
  if (!list) return NULL;
  for (uint32_t i = 0; i < count; i++) list[i] = (char *)take_text(args);
  return list;
}

int op_exec(struct plan *plan, struct reader *args) {
  char **argv = take_strings(args), **env = take_strings(args);
  if (!argv || !env) return fail(plan, ENOMEM, "exec");
  if (args->bad || !argv[0]) return fail(plan, EINVAL, "exec without arguments");
  if (!plan->program[0]) snprintf(plan->program, sizeof plan->program, "%s", argv[0]);
  execve(plan->program, argv, env);
  /*
   * What was found is no program: the process has started and failed, as with runc. Its words go where its output goes;
   * its end closes the channel, which the shim takes for the exec.
   */
  char reason[128];
  snprintf(reason, sizeof reason, "%s", strerror(errno));
  reason[0] = (char)tolower((unsigned char)reason[0]);
  dprintf(2, "exec %s: %s\n", plan->program, reason);
  _exit(255);
}
