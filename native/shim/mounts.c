/* Operations on mounts. All are made detached and attached by fd. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plan.h"

#define MOUNT_ON_PROC 4

/* fsconfig takes strings of up to 256 bytes with their NUL. */
#define FSCONFIG_TEXT 255
#define MAX_LOWER 500

int overlay_by_mount2;

static int open_tree_fd(int dir, const char *path, unsigned flags) {
  return (int)syscall(SYS_open_tree, dir, path, flags | OPEN_TREE_CLOEXEC);
}

static int attach(int mount, int target) {
  return (int)syscall(SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int set_attributes(int mount, unsigned flags, uint64_t set, uint64_t clear, uint64_t propagation, int userns) {
  struct mount_attr attr = {.attr_set = set, .attr_clr = clear, .propagation = propagation};
  if (userns >= 0) attr.userns_fd = (uint64_t)userns;
  return (int)syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH | flags, &attr, sizeof attr);
}

/* What the file system itself says of a failed fsconfig ("e overlay: …"). */
static void fs_message(int fs, char *text, size_t size) {
  ssize_t n = read(fs, text, size - 1);
  text[n > 0 ? n : 0] = 0;
  char *newline = strchr(text, '\n');
  if (newline) *newline = 0;
}

static int fail_fs(struct plan *plan, int err, int fs, const char *what) {
  char said[256];
  fs_message(fs, said, sizeof said);
  close(fs);
  return said[0] ? fail(plan, err, "%s (%s)", what, said) : fail(plan, err, "%s", what);
}

/* `key` or `key=value`. */
static int set_option(int fs, const char *option) {
  const char *equals = strchr(option, '=');
  if (!equals) return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, option, NULL, 0);
  char key[64];
  size_t n = (size_t)(equals - option);
  if (n >= sizeof key) {
    errno = EINVAL;
    return -1;
  }
  memcpy(key, option, n);
  key[n] = 0;
  return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

static int finish_fs(struct plan *plan, int fs, uint32_t attrs, const char *what, int *mount) {
  if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) return fail_fs(plan, errno, fs, what);
  *mount = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, attrs);
  if (*mount < 0) return fail_fs(plan, errno, fs, what);
  close(fs);
  return 0;
}

int op_fsmount(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *type = take_text(args);
  const char *source = take_text(args);
  int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
  if (fs < 0) return fail(plan, errno, "fsopen %s", type);
  if (*source && syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
    return fail_fs(plan, errno, fs, type);
  for (uint32_t n = take_count(args, 5); n > 0; n--) {
    const char *option = take_text(args);
    if (set_option(fs, option) < 0) return fail_fs(plan, errno, fs, option);
  }
  uint32_t attrs = take_u32(args);
  int mount, result = finish_fs(plan, fs, attrs, type, &mount);
  return result < 0 ? result : slot_set(plan, slot, mount);
}

int op_open_tree(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *root = take_text(args);
  const char *path = take_text(args);
  uint32_t flags = take_u32(args);
  if (args->bad) return -EINVAL;
  int fd, err;
  if (*root) {
    int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return fail(plan, errno, "open %s", root);
    struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    if (flags & AT_SYMLINK_NOFOLLOW) how.flags |= O_NOFOLLOW;
    int found = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    err = errno;
    close(dir);
    if (found < 0) return fail(plan, err, "open %s in %s", path, root);
    fd = open_tree_fd(found, "", (flags & ~(uint32_t)AT_SYMLINK_NOFOLLOW) | AT_EMPTY_PATH);
    err = errno;
    close(found);
  } else {
    fd = open_tree_fd(AT_FDCWD, path, flags);
    err = errno;
  }
  return fd < 0 ? fail(plan, err, "open %s", path) : slot_set(plan, slot, fd);
}

int op_mount_setattr(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  uint64_t set = take_u64(args), clear = take_u64(args), propagation = take_u64(args);
  uint32_t recursive = take_u32(args), userns = take_u32(args);
  if (args->bad) return -EINVAL;
  int mount = slot_get(plan, slot), user = userns == NO_SLOT ? -1 : slot_get(plan, userns);
  if (mount < 0 || (userns != NO_SLOT && user < 0)) return fail(plan, EBADF, "slot %u is empty", slot);
  /* The kernel takes one attribute change and one propagation change at a time for all kinds of mounts. */
  if ((set || clear) && set_attributes(mount, recursive ? AT_RECURSIVE : 0, set, clear, 0, user) < 0)
    return fail(plan, errno, "mount_setattr");
  if (propagation && set_attributes(mount, recursive ? AT_RECURSIVE : 0, 0, 0, propagation, -1) < 0)
    return fail(plan, errno, "mount propagation");
  return 0;
}

/* — Overlay — */

struct overlay {
  uint32_t slot, attrs, count, option_count;
  const char *lower[MAX_LOWER];
  const char *upper, *work;
  struct reader options;
};

/* A directory as an O_PATH fd: a path, `@N` for a slot, or `@N/NAME` for a directory in it. */
static int open_layer(struct plan *plan, const char *path) {
  if (path[0] != '@') return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  char *rest;
  int fd = slot_get(plan, (uint32_t)strtoul(path + 1, &rest, 10));
  if (fd < 0) {
    errno = EBADF;
    return -1;
  }
  if (*rest != '/') return fcntl(fd, F_DUPFD_CLOEXEC, 3);
  return openat(fd, rest + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Sets a layer by its path, or by /proc/self/fd when the path is too long for fsconfig or names a slot. */
static int set_layer(struct plan *plan, int fs, const char *key, const char *path) {
  if (path[0] != '@' && strlen(path) <= FSCONFIG_TEXT)
    return (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, path, 0);
  int fd = open_layer(plan, path);
  if (fd < 0) return -1;
  char link[32];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  int result = (int)syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, key, link, 0), err = errno;
  close(fd);
  errno = err;
  return result;
}

static void read_overlay(struct overlay *o, struct reader *args) {
  o->slot = take_u32(args);
  o->count = take_count(args, 5);
  if (o->count > MAX_LOWER) args->bad = 1;
  for (uint32_t i = 0; i < o->count && !args->bad; i++) o->lower[i] = take_text(args);
  o->upper = take_text(args);
  o->work = take_text(args);
  o->option_count = take_count(args, 5);
  o->options = *args;
  for (uint32_t i = 0; i < o->option_count; i++) take_text(args);
  o->attrs = take_u32(args);
}

/* One lower directory and no upper: there is nothing to overlay. */
static int clone_layer(struct plan *plan, struct overlay *o) {
  int dir = open_layer(plan, o->lower[0]);
  if (dir < 0) return fail(plan, errno, "open %s", o->lower[0]);
  int mount = open_tree_fd(dir, "", AT_EMPTY_PATH | OPEN_TREE_CLONE), err = errno;
  close(dir);
  if (mount < 0) return fail(plan, err, "clone %s", o->lower[0]);
  if (o->attrs && set_attributes(mount, 0, o->attrs, 0, 0, -1) < 0) {
    err = errno;
    close(mount);
    return fail(plan, err, "mount_setattr %s", o->lower[0]);
  }
  return slot_set(plan, o->slot, mount);
}

/* Gives 1 when the kernel has no lowerdir+. */
static int overlay_by_fsopen(struct plan *plan, struct overlay *o) {
  int fs = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
  if (fs < 0) return errno == ENOSYS ? 1 : fail(plan, errno, "fsopen overlay");
  if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", "overlay", 0) < 0)
    return fail_fs(plan, errno, fs, "overlay");
  for (uint32_t i = 0; i < o->count; i++) {
    if (set_layer(plan, fs, "lowerdir+", o->lower[i]) == 0) continue;
    int err = errno;
    if (i == 0 && err == EINVAL) {
      close(fs);
      return 1;
    }
    return fail_fs(plan, err, fs, o->lower[i]);
  }
  if (*o->upper && (set_layer(plan, fs, "upperdir", o->upper) < 0 || set_layer(plan, fs, "workdir", o->work) < 0))
    return fail_fs(plan, errno, fs, o->upper);
  struct reader options = o->options;
  for (uint32_t i = 0; i < o->option_count; i++) {
    const char *option = take_text(&options);
    if (set_option(fs, option) < 0) return fail_fs(plan, errno, fs, option);
  }
  int mount, result = finish_fs(plan, fs, o->attrs, "overlay", &mount);
  return result < 0 ? result : slot_set(plan, o->slot, mount);
}

/* Data for mount(2): at most a page, so each directory is named by the short link of an fd. */
static int overlay_data(struct plan *plan, struct overlay *o, char *data, size_t size) {
  size_t n = 0;
  for (uint32_t i = 0; i < o->count + (*o->upper ? 2 : 0); i++) {
    const char *path = i < o->count ? o->lower[i] : i == o->count ? o->upper : o->work;
    const char *key = i == 0 ? "lowerdir=" : i < o->count ? ":" : i == o->count ? ",upperdir=" : ",workdir=";
    int fd = open_layer(plan, path);
    if (fd < 0) return -1;
    n += (size_t)snprintf(data + n, n < size ? size - n : 0, "%s/proc/self/fd/%d", key, fd);
  }
  struct reader options = o->options;
  for (uint32_t i = 0; i < o->option_count; i++)
    n += (size_t)snprintf(data + n, n < size ? size - n : 0, ",%s", take_text(&options));
  if (n >= size) errno = E2BIG;
  return n < size ? 0 : -1;
}

/*
 * mount(2) cannot make a detached mount: a helper mounts in a mount namespace of its own (where it opens the layers, or
 * the kernel would not take them), and sends a clone of what it mounted. All paths are resolved before /proc is covered.
 */
__attribute__((noreturn)) static void mount_overlay(struct plan *plan, struct overlay *o, int channel) {
  static char data[PATH_BYTES];
  int mounted = -1;
  if (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
      overlay_data(plan, o, data, sizeof data) == 0 && mount("overlay", "/proc", "overlay", 0, data) == 0)
    mounted = open_tree_fd(AT_FDCWD, "/proc", OPEN_TREE_CLONE);
  channel_send(channel, CHANNEL_FAILED, mounted < 0 ? errno : 0, 0, 0, NULL, 0, mounted);
  _exit(0);
}

static int receive_mount(int channel, int *err) {
  struct channel_message head = {.value = EIO};
  struct iovec part = {&head, sizeof head};
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  int fd = -1;
  if (recvmsg(channel, &message, MSG_CMSG_CLOEXEC) == (ssize_t)sizeof head) {
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    if (c && c->cmsg_type == SCM_RIGHTS) memcpy(&fd, CMSG_DATA(c), sizeof fd);
  }
  *err = head.value;
  return fd;
}

static int overlay_by_helper(struct plan *plan, struct overlay *o) {
  int channel[2], err;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) return fail(plan, errno, "socketpair");
  pid_t pid = fork();
  if (pid == 0) mount_overlay(plan, o, channel[1]);
  err = errno;
  close(channel[1]);
  int mount = pid < 0 ? -1 : receive_mount(channel[0], &err);
  close(channel[0]);
  if (pid > 0) waitpid(pid, NULL, 0);
  if (mount < 0) return fail(plan, err, "overlay");
  if (o->attrs && set_attributes(mount, 0, o->attrs, 0, 0, -1) < 0) return fail(plan, errno, "overlay attributes");
  return slot_set(plan, o->slot, mount);
}

/* A path as the processes of another mount namespace see it. A tree can be cloned only from within. */
__attribute__((noreturn)) static void clone_foreign(const char *namespace, const char *path, uint32_t flags, int channel) {
  struct open_how how = {.flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
  int mounted = -1, found = -1;
  int entry = open(namespace, O_RDONLY | O_CLOEXEC);
  if (entry >= 0 && setns(entry, CLONE_NEWNS) == 0) found = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
  if (found >= 0) mounted = open_tree_fd(found, "", flags | AT_EMPTY_PATH | OPEN_TREE_CLONE);
  channel_send(channel, CHANNEL_FAILED, mounted < 0 ? errno : 0, 0, 0, NULL, 0, mounted);
  _exit(0);
}

int op_foreign_tree(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *namespace = take_text(args);
  const char *path = take_text(args);
  uint32_t flags = take_u32(args);
  int channel[2], err;
  if (args->bad) return -EINVAL;
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel) < 0) return fail(plan, errno, "socketpair");
  pid_t pid = fork();
  if (pid == 0) clone_foreign(namespace, path, flags, channel[1]);
  err = errno;
  close(channel[1]);
  int mount = pid < 0 ? -1 : receive_mount(channel[0], &err);
  close(channel[0]);
  if (pid > 0) waitpid(pid, NULL, 0);
  return mount < 0 ? fail(plan, err, "open %s in %s", path, namespace) : slot_set(plan, slot, mount);
}

int op_overlay(struct plan *plan, struct reader *args) {
  static struct overlay o;
  read_overlay(&o, args);
  if (args->bad || o.count == 0) return fail(plan, EINVAL, "overlay with %u lower directories", o.count);
  if (o.count == 1 && !*o.upper) return clone_layer(plan, &o);
  if (!overlay_by_mount2) {
    int result = overlay_by_fsopen(plan, &o);
    if (result <= 0) return result;
  }
  return overlay_by_helper(plan, &o);
}

/* — The container's tree — */

int op_propagation(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  uint32_t flags = take_u32(args);
  if (mount(NULL, path, NULL, flags, NULL) < 0) return fail(plan, errno, "propagation of %s", path);
  return 0;
}

int op_attach_root(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  int mount = slot_get(plan, slot);
  if (mount < 0) return fail(plan, EBADF, "slot %u is empty", slot);
  if (syscall(SYS_move_mount, mount, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
    return fail(plan, errno, "attach root");
  if (plan->root >= 0) close(plan->root);
  plan->root = fcntl(mount, F_DUPFD_CLOEXEC, 3);
  if (plan->root < 0) return fail(plan, errno, "root");
  return 0;
}

/* The place to mount on: opened beneath the root, made when asked for. */
static int open_target(struct plan *plan, const char *target, uint32_t create) {
  int fd = open_in_root(plan, target, O_PATH);
  if (fd >= 0 || errno != ENOENT || create == 0) return fd;
  if (create == 1) return make_dirs_in(root_fd(plan), target, 0755, 0, 0);
  char name[256];
  int parent = open_parent_in(root_fd(plan), target, name, sizeof name);
  if (parent < 0) return -1;
  int made = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (made >= 0) {
    fchmod(made, 0644);
    close(made);
  }
  close(parent);
  return open_in_root(plan, target, O_PATH);
}

int op_move_mount(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *target = take_text(args);
  uint32_t create = take_u32(args);
  if (args->bad) return -EINVAL;
  int mount = slot_get(plan, slot);
  if (mount < 0) return fail(plan, EBADF, "slot %u is empty", slot);
  int fd = open_target(plan, target, create & 3);
  if (fd < 0) return fail(plan, errno, "open mount target %s", target);
  /* Whatever link of the image led there: nothing may hide the procfs that limits are written to (CVE-2019-19921). */
  if (!(create & MOUNT_ON_PROC) && is_procfs(fd)) {
    close(fd);
    return fail(plan, EPERM, "%s is inside /proc", target);
  }
  int result = attach(mount, fd), err = errno;
  close(fd);
  return result < 0 ? fail(plan, err, "mount on %s", target) : 0;
}

int op_pivot_root(struct plan *plan, struct reader *args) {
  (void)args;
  int root = root_fd(plan);
  if (root < 0 || fchdir(root) < 0) return fail(plan, errno, "chdir to root");
  /* pivot_root(2): "." twice stacks the old root over the new one, from where it is taken off. */
  if (syscall(SYS_pivot_root, ".", ".") < 0) return fail(plan, errno, "pivot_root");
  if (umount2(".", MNT_DETACH) < 0) return fail(plan, errno, "umount old root");
  if (chdir("/") < 0) return fail(plan, errno, "chdir /");
  return 0;
}

int op_root_setattr(struct plan *plan, struct reader *args) {
  uint64_t set = take_u64(args), clear = take_u64(args), propagation = take_u64(args);
  int root = root_fd(plan);
  if (root < 0) return fail(plan, errno, "root");
  if ((set || clear) && set_attributes(root, 0, set, clear, 0, -1) < 0) return fail(plan, errno, "root attributes");
  if (propagation && set_attributes(root, 0, 0, 0, propagation, -1) < 0) return fail(plan, errno, "root propagation");
  return 0;
}

/* — Masks — */

static int mask_directory(struct plan *plan, int target) {
  int mount;
  if (plan->dir_mask >= 0) {
    mount = open_tree_fd(plan->dir_mask, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  } else {
    int fs = (int)syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC);
    if (fs < 0) return -1;
    mount = syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "source", "tmpfs", 0) == 0 &&
                    syscall(SYS_fsconfig, fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) == 0 &&
                    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "nr_inodes", "1", 0) == 0 &&
                    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "nr_blocks", "1", 0) == 0 &&
                    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0
                ? (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY)
                : -1;
    int err = errno;
    close(fs);
    errno = err;
  }
  if (mount < 0) return -1;
  int result = attach(mount, target), err = errno;
  /* Attached, it can be cloned for the next directory. */
  if (plan->dir_mask < 0 && result == 0)
    plan->dir_mask = mount;
  else
    close(mount);
  errno = err;
  return result;
}

static int mask_file(struct plan *plan, int target) {
  if (plan->null_mask < 0) plan->null_mask = open_device_in_root(plan, "/dev/null", 1, 3);
  if (plan->null_mask < 0) return -1;
  int mount = open_tree_fd(plan->null_mask, "", AT_EMPTY_PATH | OPEN_TREE_CLONE);
  if (mount < 0) return -1;
  int result = attach(mount, target), err = errno;
  close(mount);
  errno = err;
  return result;
}

int op_mask_path(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  if (args->bad) return -EINVAL;
  int target = open_in_root(plan, path, O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : fail(plan, errno, "mask %s", path);
  struct stat st;
  int result = fstat(target, &st);
  if (result == 0) result = S_ISDIR(st.st_mode) ? mask_directory(plan, target) : mask_file(plan, target);
  int err = errno;
  close(target);
  return result < 0 ? fail(plan, err, "mask %s", path) : 0;
}

int op_readonly_path(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  if (args->bad) return -EINVAL;
  int target = open_in_root(plan, path, O_PATH);
  if (target < 0) return errno == ENOENT || errno == ENOTDIR ? 0 : fail(plan, errno, "read-only %s", path);
  int mount = open_tree_fd(target, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE);
  int result = mount < 0 ? -1 : set_attributes(mount, AT_RECURSIVE, MOUNT_ATTR_RDONLY, 0, 0, -1);
  if (result == 0) result = attach(mount, target);
  int err = errno;
  if (mount >= 0) close(mount);
  close(target);
  return result < 0 ? fail(plan, err, "read-only %s", path) : 0;
}
