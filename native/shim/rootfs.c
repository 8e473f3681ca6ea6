/* Operations on files of the host and in the container's root. */
#include "plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#define MAX_LINKS 64

static int open_at2(int dir, const char *path, uint64_t flags, uint64_t resolve) {
  struct open_how how = {.flags = flags | O_CLOEXEC, .resolve = resolve};
  int fd;
  /* EAGAIN: a rename elsewhere made the kernel unsure that the path stayed beneath its root. */
  for (int tries = 0; tries < 64; tries++) {
    fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return fd;
}

int root_fd(struct plan *plan) {
  if (plan->root < 0) plan->root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  return plan->root;
}

int open_in_root(struct plan *plan, const char *path, uint64_t flags) {
  int root = root_fd(plan);
  if (root < 0) return -1;
  return open_at2(root, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int slot_get(struct plan *plan, uint32_t slot) {
  return slot < MAX_SLOTS ? plan->slots[slot] : -1;
}

int slot_set(struct plan *plan, uint32_t slot, int fd) {
  if (slot >= MAX_SLOTS) {
    close(fd);
    return fail(plan, EINVAL, "slot %u", slot);
  }
  if (plan->slots[slot] >= 0) close(plan->slots[slot]);
  plan->slots[slot] = fd;
  return 0;
}

int op_close_slot(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  int fd = slot_get(plan, slot);
  if (fd < 0) return fail(plan, EBADF, "slot %u is empty", slot);
  close(fd);
  plan->slots[slot] = -1;
  return 0;
}

int write_all_once(int fd, const void *data, size_t length) {
  ssize_t n;
  while ((n = write(fd, data, length)) < 0 && errno == EINTR) {
  }
  if (n < 0) return -1;
  if ((size_t)n != length) {
    errno = EIO;
    return -1;
  }
  return 0;
}

/* — The host's files — */

int op_mkdir_all(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  uint32_t mode = take_u32(args);
  char copy[PATH_BYTES];
  size_t n = strlen(path);
  if (args->bad || n == 0 || n >= sizeof copy) return fail(plan, ENAMETOOLONG, "mkdir");
  memcpy(copy, path, n + 1);
  if (mkdir(copy, mode) == 0 || errno == EEXIST) return 0;
  for (char *p = copy + 1; *p; p++) {
    if (*p != '/') continue;
    *p = 0;
    if (mkdir(copy, mode) < 0 && errno != EEXIST) return fail(plan, errno, "mkdir %s", copy);
    *p = '/';
  }
  if (mkdir(copy, mode) < 0 && errno != EEXIST) return fail(plan, errno, "mkdir %s", copy);
  return 0;
}

static int take_ignored(struct reader *args, int err) {
  int found = 0;
  for (uint32_t n = take_count(args, 4); n > 0; n--) found |= (int)take_u32(args) == err;
  return found;
}

int is_procfs(int fd) {
  struct statfs fs;
  return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

int op_write_file(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  uint32_t length;
  const uint8_t *data = take_bytes(args, &length);
  uint32_t flags = take_u32(args);
  if (args->bad) return -EINVAL;
  int err = 0, fd = open(path, O_WRONLY | O_CLOEXEC | (int)flags, 0600);
  if (fd < 0) {
    err = errno;
  } else {
    if (strncmp(path, "/proc/", 6) == 0 && !is_procfs(fd)) err = ENOTTY;
    if (!err && write_all_once(fd, data, length) < 0) err = errno;
    close(fd);
  }
  if (err && !take_ignored(args, err)) return fail(plan, err, "write %s", path);
  return 0;
}

int op_open_file(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *path = take_text(args);
  if (args->bad) return -EINVAL;
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return fail(plan, errno, "open %s", path);
  return slot_set(plan, slot, fd);
}

int op_write_slot(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args), length;
  const uint8_t *data = take_bytes(args, &length);
  if (args->bad) return -EINVAL;
  int fd = slot_get(plan, slot);
  if (fd < 0) return fail(plan, EBADF, "slot %u", slot);
  if (write_all_once(fd, data, length) < 0) return fail(plan, errno, "write to slot %u", slot);
  return 0;
}

/* — A procfs of one's own — */

/* Without `whole`, nothing but processes is in it, where the kernel can do that (5.8). */
static int mount_own_proc(int whole) {
  /* Never attached anywhere: no mount of a container can stand before its files (CVE-2025-52881). */
  int fs = (int)syscall(SYS_fsopen, "proc", FSOPEN_CLOEXEC), proc = -1;
  if (fs < 0) return -1;
  if (!whole) syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "subset", "pid", 0);
  if (syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0)
    proc = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
  int err = errno;
  close(fs);
  errno = err;
  return proc;
}

int open_own_proc(struct plan *plan, const char *path, int flags) {
  /* Who may look into this process from its pid namespace finds the descriptor, and no masks before /proc/sys there. */
  int whole = strncmp(path, "self/", 5) != 0;
  if (plan->proc >= 0 && whole && !plan->proc_is_whole) {
    close(plan->proc);
    plan->proc = -1;
  }
  if (plan->proc < 0) {
    plan->proc = mount_own_proc(whole);
    plan->proc_is_whole = whole;
    if (plan->proc < 0) return -1;
  }
  int fd = open_at2(plan->proc, path, (uint64_t)flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
  if (fd >= 0 && !is_procfs(fd)) {
    close(fd);
    errno = ENOTTY;
    return -1;
  }
  return fd;
}

static int write_own_proc(struct plan *plan, const char *path, const char *value) {
  int fd = open_own_proc(plan, path, O_WRONLY);
  if (fd < 0) return -1;
  int result = write_all_once(fd, value, strlen(value));
  int err = errno;
  close(fd);
  errno = err;
  return result;
}

int op_sysctl(struct plan *plan, struct reader *args) {
  const char *name = take_text(args);
  const char *value = take_text(args);
  char path[PATH_BYTES];
  if (args->bad || snprintf(path, sizeof path, "sys/%s", name) >= (int)sizeof path) return -EINVAL;
  if (write_own_proc(plan, path, value) < 0) return fail(plan, errno, "open /proc/%s", path);
  return 0;
}

int op_lsm_attr(struct plan *plan, struct reader *args) {
  const char *attr = take_text(args);
  const char *value = take_text(args);
  char path[PATH_BYTES];
  if (args->bad || snprintf(path, sizeof path, "self/attr/%s", attr) >= (int)sizeof path) return -EINVAL;
  if (write_own_proc(plan, path, value) < 0) return fail(plan, errno, "write /proc/%s", path);
  return 0;
}

int op_oom_score_adj(struct plan *plan, struct reader *args) {
  int32_t value = take_i32(args);
  char text[16];
  snprintf(text, sizeof text, "%d", value);
  int err = 0;
  if (plan->spawned) {
    if (write_own_proc(plan, "self/oom_score_adj", text) < 0) err = errno;
  } else {
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || !is_procfs(fd) || write_all_once(fd, text, strlen(text)) < 0) err = errno ? errno : ENOTTY;
    if (fd >= 0) close(fd);
  }
  if (err && !take_ignored(args, err)) return fail(plan, err, "write oom_score_adj %d", value);
  return 0;
}

int op_keyring(struct plan *plan, struct reader *args) {
  const char *name = take_text(args);
  long id = syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, name);
  if (id < 0) {
    int err = errno;
    return take_ignored(args, err) ? 0 : fail(plan, err, "session keyring");
  }
  /* Possessor everything, user view, read and search: so that the container's user can find its own session keyring. */
  syscall(SYS_keyctl, 5 /* KEYCTL_SETPERM */, id, 0x3f0b0000);
  return 0;
}

/* — Files in the root — */

struct walk {
  int root;
  char done[PATH_BYTES]; /* resolved, without links; starts with '/' unless empty (the root) */
  char rest[PATH_BYTES];
  int links;
};

static int open_done(struct walk *w, const char *path, uint64_t flags) {
  return open_at2(w->root, *path ? path : "/", flags, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

/* Puts a link's target before what is left. */
static int follow(struct walk *w, int link) {
  char target[PATH_BYTES], rest[PATH_BYTES];
  ssize_t n = readlinkat(link, "", target, sizeof target - 1);
  if (n < 0) return -1;
  target[n] = 0;
  if (++w->links > MAX_LINKS) {
    errno = ELOOP;
    return -1;
  }
  size_t tail = strlen(w->rest);
  if ((size_t)n + 1 + tail >= sizeof rest) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(rest, target, (size_t)n);
  rest[n] = '/';
  memcpy(rest + n + 1, w->rest, tail + 1);
  memcpy(w->rest, rest, (size_t)n + 1 + tail + 1);
  if (target[0] == '/') w->done[0] = 0;
  return 0;
}

/* One component: a directory that is entered, a link that is followed, or a directory that is made. */
static int step(struct walk *w, const char *name, mode_t mode, uid_t uid, gid_t gid) {
  char path[PATH_BYTES];
  if (strcmp(name, ".") == 0) return 0;
  if (strcmp(name, "..") == 0) {
    char *slash = strrchr(w->done, '/');
    if (slash) *slash = 0;
    return 0;
  }
  if (snprintf(path, sizeof path, "%s/%s", w->done, name) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int fd = open_done(w, path, O_PATH | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) {
    int parent = open_done(w, w->done, O_RDONLY | O_DIRECTORY);
    if (parent < 0) return -1;
    int made = mkdirat(parent, name, mode);
    if (made == 0) {
      /* mkdir's mode went through the umask. */
      if (fchmodat(parent, name, mode, 0) < 0) made = -1;
      if ((uid || gid) && fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) made = -1;
    } else if (errno == EEXIST) {
      made = 0;
    }
    int err = errno;
    close(parent);
    errno = err;
    if (made < 0) return -1;
    fd = open_done(w, path, O_PATH | O_NOFOLLOW);
  }
  if (fd < 0) return -1;
  struct stat st;
  int result = fstat(fd, &st);
  if (result == 0 && S_ISLNK(st.st_mode)) {
    result = follow(w, fd);
  } else if (result == 0 && S_ISDIR(st.st_mode)) {
    memcpy(w->done, path, strlen(path) + 1);
  } else if (result == 0) {
    errno = ENOTDIR;
    result = -1;
  }
  int err = errno;
  close(fd);
  errno = err;
  return result;
}

int make_dirs_in(int root, const char *path, mode_t mode, uid_t uid, gid_t gid) {
  int fd = open_at2(root, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
  if (fd >= 0 || errno != ENOENT) return fd;
  struct walk w = {.root = root};
  if (strlen(path) >= sizeof w.rest) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(w.rest, path, strlen(path) + 1);
  for (;;) {
    char name[NAME_MAX + 1];
    const char *start = w.rest + strspn(w.rest, "/");
    size_t n = strcspn(start, "/");
    if (n == 0) return open_done(&w, w.done, O_PATH | O_DIRECTORY);
    if (n > NAME_MAX) {
      errno = ENAMETOOLONG;
      return -1;
    }
    memcpy(name, start, n);
    name[n] = 0;
    memmove(w.rest, start + n, strlen(start + n) + 1);
    if (step(&w, name, mode, uid, gid) < 0) return -1;
  }
}

int open_parent_in(int root, const char *path, char *name, size_t size) {
  size_t n = strlen(path);
  while (n > 0 && path[n - 1] == '/') n--;
  size_t start = n;
  while (start > 0 && path[start - 1] != '/') start--;
  if (n == start || n - start >= size || start >= PATH_BYTES) {
    errno = EINVAL;
    return -1;
  }
  memcpy(name, path + start, n - start);
  name[n - start] = 0;
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    errno = EINVAL;
    return -1;
  }
  char parent[PATH_BYTES];
  memcpy(parent, path, start);
  parent[start] = 0;
  int fd = make_dirs_in(root, start ? parent : "/", 0755, 0, 0);
  if (fd < 0) return -1;
  int usable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int err = errno;
  close(fd);
  errno = err;
  return usable;
}

int op_make_dir(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  uint32_t mode = take_u32(args), uid = take_u32(args), gid = take_u32(args);
  if (args->bad) return -EINVAL;
  int fd = make_dirs_in(root_fd(plan), path, mode, uid, gid);
  if (fd < 0) return fail(plan, errno, "mkdir %s", path);
  close(fd);
  return 0;
}

int op_symlink(struct plan *plan, struct reader *args) {
  const char *target = take_text(args);
  const char *path = take_text(args);
  char name[NAME_MAX + 1];
  if (args->bad) return -EINVAL;
  int parent = open_parent_in(root_fd(plan), path, name, sizeof name);
  if (parent < 0) return fail(plan, errno, "symlink %s", path);
  int result = symlinkat(target, parent, name), err = errno;
  close(parent);
  return result < 0 && err != EEXIST ? fail(plan, err, "symlink %s", path) : 0;
}

int op_mknod(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  uint32_t mode = take_u32(args), major_ = take_u32(args), minor_ = take_u32(args);
  uint32_t uid = take_u32(args), gid = take_u32(args);
  char name[NAME_MAX + 1];
  if (args->bad) return -EINVAL;
  int parent = open_parent_in(root_fd(plan), path, name, sizeof name);
  if (parent < 0) return fail(plan, errno, "mknod %s", path);
  dev_t device = makedev(major_, minor_);
  struct stat st;
  int result = mknodat(parent, name, mode, device);
  if (result < 0 && errno == EEXIST && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
    if ((st.st_mode & S_IFMT) == (mode & S_IFMT) && st.st_rdev == device) {
      result = 0;
    } else if (unlinkat(parent, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) == 0) {
      result = mknodat(parent, name, mode, device);
    }
  }
  if (result == 0) result = fchownat(parent, name, uid, gid, AT_SYMLINK_NOFOLLOW);
  /* What stands there now is a device made or checked above, in a directory that no process of the container sees yet. */
  if (result == 0) result = fchmodat(parent, name, mode & 07777, 0);
  int err = errno;
  close(parent);
  return result < 0 ? fail(plan, err, "mknod %s", path) : 0;
}

int op_slot_file(struct plan *plan, struct reader *args) {
  uint32_t slot = take_u32(args);
  const char *path = take_text(args);
  uint32_t length;
  const uint8_t *data = take_bytes(args, &length);
  uint32_t mode = take_u32(args), uid = take_u32(args), gid = take_u32(args);
  char name[NAME_MAX + 1];
  if (args->bad) return -EINVAL;
  int tree = slot_get(plan, slot);
  if (tree < 0) return fail(plan, EBADF, "slot %u is empty", slot);
  int parent = open_parent_in(tree, path, name, sizeof name);
  if (parent < 0) return fail(plan, errno, "open %s", path);
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  int result = fd < 0 ? -1 : write_all_once(fd, data, length);
  if (result == 0) result = fchown(fd, uid, gid);
  if (result == 0) result = fchmod(fd, mode & 07777);
  int err = errno;
  if (fd >= 0) close(fd);
  close(parent);
  return result < 0 ? fail(plan, err, "write %s", path) : 0;
}

int open_device_in_root(struct plan *plan, const char *path, unsigned major_, unsigned minor_) {
  int fd = open_in_root(plan, path, O_PATH | O_NOFOLLOW);
  if (fd < 0) return -1;
  struct stat st;
  if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(major_, minor_)) {
    close(fd);
    errno = ENODEV;
    return -1;
  }
  return fd;
}

int op_chdir(struct plan *plan, struct reader *args) {
  const char *path = take_text(args);
  if (args->bad) return -EINVAL;
  int fd = open_at2(AT_FDCWD, path, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
  if (fd < 0) return fail(plan, errno, "chdir %s", path);
  int result = fchdir(fd), err = errno;
  close(fd);
  if (result < 0) return fail(plan, err, "chdir %s", path);
  char cwd[PATH_BYTES];
  /* The system call itself: libc hides "(unreachable)". A directory outside of the root gives no absolute path. */
  long n = syscall(SYS_getcwd, cwd, sizeof cwd);
  if (n <= 0 || cwd[0] != '/') return fail(plan, ENOENT, "current working directory is outside of container mount namespace root");
  return 0;
}
