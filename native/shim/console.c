/* Operations that give a process its stdio: a terminal of the container's own devpts, or the shim's pipes. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <termios.h>
#include <unistd.h>

#include "plan.h"

/* The multiplexer of this root's devpts: a char device 5:2 on devpts, whatever the image put there (CVE-2025-52565). */
static int open_multiplexer(struct plan *plan) {
  struct open_how how = {.flags = O_RDWR | O_NOCTTY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
  int fd = (int)syscall(SYS_openat2, root_fd(plan), "/dev/pts/ptmx", &how, sizeof how);
  if (fd < 0) return -1;
  struct stat st;
  struct statfs fs;
  if (fstat(fd, &st) == 0 && fstatfs(fd, &fs) == 0 && fs.f_type == DEVPTS_SUPER_MAGIC && S_ISCHR(st.st_mode) &&
      st.st_rdev == makedev(5, 2))
    return fd;
  close(fd);
  errno = ENODEV;
  return -1;
}

static int bind_console(struct plan *plan, int slave) {
  char name[256];
  int parent = open_parent_in(root_fd(plan), "/dev/console", name, sizeof name);
  if (parent < 0) return -1;
  int made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (made >= 0) close(made);
  close(parent);
  int target = open_in_root(plan, "/dev/console", O_PATH | O_NOFOLLOW);
  if (target < 0) return -1;
  int mount = (int)syscall(SYS_open_tree, slave, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  int result = mount < 0 ? -1
                         : (int)syscall(SYS_move_mount, mount, "", target, "",
                                        MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
  int err = errno;
  if (mount >= 0) close(mount);
  close(target);
  errno = err;
  return result;
}

static int become_stdio(int fd) {
  for (int i = 0; i < 3; i++)
    if (dup2(fd, i) < 0) return -1;
  if (fd > 2) close(fd);
  return 0;
}

int op_console(struct plan *plan, struct reader *args) {
  uint32_t uid = take_u32(args), rows = take_u32(args), columns = take_u32(args), bind = take_u32(args);
  if (args->bad) return -EINVAL;
  int master = open_multiplexer(plan);
  if (master < 0) return fail(plan, errno, "open /dev/pts/ptmx");
  int unlock = 0;
  if (ioctl(master, TIOCSPTLCK, &unlock) < 0) return fail(plan, errno, "unlock terminal");
  int slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) return fail(plan, errno, "open terminal");
  if (uid && fchown(slave, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL)
    return fail(plan, errno, "chown terminal");
  struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};
  if (rows && columns && ioctl(master, TIOCSWINSZ, &size) < 0) return fail(plan, errno, "terminal size");
  if (bind && bind_console(plan, slave) < 0) return fail(plan, errno, "bind /dev/console");
  channel_send(plan->channel, CHANNEL_CONSOLE, 0, 0, 0, NULL, 0, master);
  close(master);
  if (setsid() < 0 && errno != EPERM) return fail(plan, errno, "setsid");
  if (ioctl(slave, TIOCSCTTY, 0) < 0) return fail(plan, errno, "controlling terminal");
  if (become_stdio(slave) < 0) return fail(plan, errno, "dup2");
  return 0;
}

int op_own_stdio(struct plan *plan, struct reader *args) {
  uint32_t uid = take_u32(args), gid = take_u32(args);
  if (args->bad) return -EINVAL;
  for (int i = 0; i < 3; i++)
    if (plan->stdio[i] >= 0 && fchown(plan->stdio[i], uid, gid) < 0) return fail(plan, errno, "chown stdio");
  return 0;
}

int op_stdio(struct plan *plan, struct reader *args) {
  uint32_t uid = take_u32(args);
  for (int i = 0; i < 3; i++) {
    int fd = plan->stdio[i];
    if (fd < 0) {
      /* The container's own null device: the host's would show its path, and its mount, in /proc/self/fd. */
      int device = open_device_in_root(plan, "/dev/null", 1, 3);
      if (device < 0) continue;
      struct open_how how = {.flags = (uint64_t)(i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC,
                             .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
      fd = (int)syscall(SYS_openat2, root_fd(plan), "/dev/null", &how, sizeof how);
      close(device);
      if (fd < 0) continue;
    } else if (uid && fchown(fd, uid, (gid_t)-1) < 0 && errno != EPERM && errno != EINVAL) {
      /* So that /dev/stdout can be opened again by the container's user. */
      return fail(plan, errno, "chown stdio");
    }
    if (dup2(fd, i) < 0) return fail(plan, errno, "dup2");
    close(fd);
    plan->stdio[i] = -1;
  }
  return 0;
}
