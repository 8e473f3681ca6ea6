/*
 * The executable behind /proc/self/exe of a process that is about to exec in a container must be one that no container
 * can write (CVE-2019-5736): a read-only, detached clone of its mount, or where that cannot be, a sealed copy in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"
#include "shim.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int is_sealed(int exe) {
  struct statvfs fs;
  if (fstatvfs(exe, &fs) == 0 && (fs.f_flag & ST_RDONLY)) return 1;
  int seals = fcntl(exe, F_GET_SEALS);
  return seals >= 0 && (seals & F_SEAL_WRITE);
}

static int readonly_clone(int exe) {
  int mount = (int)syscall(SYS_open_tree, exe, "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
  if (mount < 0) return -1;
  struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV};
  if (syscall(SYS_mount_setattr, mount, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0) return mount;
  close(mount);
  return -1;
}

static int sealed_copy(int exe) {
  struct stat st;
  int copy = memfd_create("berth-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0 || fstat(exe, &st) < 0) return -1;
  off_t at = 0;
  while (at < st.st_size)
    if (sendfile(copy, exe, &at, (size_t)(st.st_size - at)) <= 0) return -1;
  if (fchmod(copy, 0500) < 0 || fcntl(copy, F_ADD_SEALS, SEALS) < 0) return -1;
  return copy;
}

/* This executable's identity, to refuse it as a container's program. */
static dev_t own_device;
static ino_t own_inode;

int is_own_executable(const char *path) {
  struct stat st;
  return stat(path, &st) == 0 && st.st_dev == own_device && st.st_ino == own_inode;
}

int seal_executable(char **argv) {
  struct stat st;
  int exe = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  if (exe < 0 || fstat(exe, &st) < 0) return -errno;
  own_device = st.st_dev;
  own_inode = st.st_ino;
  if (is_sealed(exe)) {
    close(exe);
    return 0;
  }
  char *no_environment[] = {NULL};
  int sealed = readonly_clone(exe);
  if (sealed >= 0) syscall(SYS_execveat, sealed, "", argv, no_environment, AT_EMPTY_PATH);
  sealed = sealed_copy(exe);
  if (sealed >= 0) syscall(SYS_execveat, sealed, "", argv, no_environment, AT_EMPTY_PATH);
  return -errno;
}
