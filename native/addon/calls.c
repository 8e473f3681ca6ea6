/* The table of system calls: what JavaScript cannot reach. One function each, no policy. */
#define _GNU_SOURCE
#include "call.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/netlink.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

/* Arguments by position among the numbers, and among the texts. */
#define N(i) (call->number[i])
#define FD(i) ((int)call->number[i])
#define T(i) (call->text[i])

#define NS_PER_SECOND 1000000000LL

static void done(struct call *call, int64_t value)
{
    call->value = value;
    if (value < 0) {
        call->error = errno;
        call->value = -1;
    }
}

static void fail(struct call *call, int error)
{
    errno = error;
    done(call, -1);
}

/* Keeps a malloc'ed result of `length` bytes, or frees it when the call failed. */
static void give(struct call *call, char *out, int64_t length)
{
    done(call, length);
    if (length < 0) {
        free(out);
        return;
    }
    call->out = out;
    call->out_length = (size_t)length;
}

/* ---- files by directory ---- */

static void run_openat2(struct call *call)
{
    struct open_how how = {.flags = (uint64_t)N(1), .mode = (uint64_t)N(2), .resolve = (uint64_t)N(3)};
    how.flags |= O_CLOEXEC;
    done(call, syscall(SYS_openat2, FD(0), T(0), &how, sizeof how));
}

static void run_mkdirat(struct call *call) { done(call, mkdirat(FD(0), T(0), (mode_t)N(1))); }

static void run_mknodat(struct call *call)
{
    done(call, mknodat(FD(0), T(0), (mode_t)N(1), makedev((unsigned)N(2), (unsigned)N(3))));
}

static void run_symlinkat(struct call *call) { done(call, symlinkat(T(0), FD(0), T(1))); }
static void run_linkat(struct call *call) { done(call, linkat(FD(0), T(0), FD(1), T(1), FD(2))); }
static void run_unlinkat(struct call *call) { done(call, unlinkat(FD(0), T(0), FD(1))); }

static void run_renameat2(struct call *call)
{
    done(call, syscall(SYS_renameat2, FD(0), T(0), FD(1), T(1), (unsigned)N(2)));
}

static void run_fchownat(struct call *call)
{
    done(call, fchownat(FD(0), T(0), (uid_t)N(1), (gid_t)N(2), FD(3)));
}

static void run_fchmodat(struct call *call)
{
    if ((N(2) & AT_EMPTY_PATH) != 0 && call->length[0] == 0) {
        /* fchmod refuses O_PATH descriptors; their magic link does not. */
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", FD(0));
        done(call, chmod(link, (mode_t)N(1)));
        return;
    }
    done(call, fchmodat(FD(0), T(0), (mode_t)N(1), FD(2)));
}

static struct timespec timespec_of(int64_t nanos)
{
    struct timespec at = {.tv_sec = 0, .tv_nsec = UTIME_OMIT};
    if (nanos == NO_VALUE) return at;
    at.tv_sec = nanos / NS_PER_SECOND;
    at.tv_nsec = nanos % NS_PER_SECOND;
    if (at.tv_nsec < 0) {
        at.tv_sec -= 1;
        at.tv_nsec += NS_PER_SECOND;
    }
    return at;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return -1;
        data += n, length -= (size_t)n;
    }
    return 0;
}

/* Fills a file that was just made, and gives it its owner, mode and times; what it has already is not set again. */
static int complete_file(const struct call *call, int fd)
{
    struct stat status;
    struct timespec times[2] = {timespec_of(N(4)), timespec_of(N(4))};
    uid_t uid = (uid_t)N(2);
    gid_t gid = (gid_t)N(3);
    mode_t mode = (mode_t)N(1);
    if (write_all(fd, T(1), call->length[1]) < 0 || fstat(fd, &status) < 0) return -1;
    if ((status.st_uid != uid || status.st_gid != gid) && fchown(fd, uid, gid) < 0) return -1;
    if ((status.st_mode & 07777) != mode && fchmod(fd, mode) < 0) return -1;
    return futimens(fd, times);
}

static void run_write_new(struct call *call)
{
    /* The bits that tell more than who may do what, and those that let others write, come with the owner. */
    struct open_how how = {.flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, .mode = (uint64_t)N(1) & 0755};
    int fd = (int)syscall(SYS_openat2, FD(0), T(0), &how, sizeof how);
    if (fd < 0) return done(call, -1);
    int result = complete_file(call, fd);
    int error = errno;
    close(fd);
    errno = error;
    done(call, result);
}

static void run_utimensat(struct call *call)
{
    struct timespec times[2] = {timespec_of(N(1)), timespec_of(N(2))};
    /* glibc refuses an empty path with AT_EMPTY_PATH on some versions: ask the kernel. */
    done(call, syscall(SYS_utimensat, FD(0), T(0), times, FD(3)));
}

static void run_statx(struct call *call)
{
    char *out = calloc(1, sizeof(struct statx));
    if (out == NULL) return fail(call, ENOMEM);
    int failed = statx(FD(0), T(0), FD(1), (unsigned)N(2), (struct statx *)out);
    give(call, out, failed < 0 ? -1 : (int64_t)sizeof(struct statx));
}

static void run_readlinkat(struct call *call)
{
    char *out = malloc(4096);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, readlinkat(FD(0), T(0), out, 4096));
}

static void run_getdents(struct call *call)
{
    char *out = malloc(65536);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, syscall(SYS_getdents64, FD(0), out, 65536));
}

/* ---- extended attributes ---- */

static void run_setxattr(struct call *call)
{
    done(call, setxattr(T(0), T(1), T(2), call->length[2], FD(0)));
}

static void run_lsetxattr(struct call *call)
{
    done(call, lsetxattr(T(0), T(1), T(2), call->length[2], FD(0)));
}

static void run_fsetxattr(struct call *call)
{
    done(call, fsetxattr(FD(0), T(0), T(1), call->length[1], FD(1)));
}

#define XATTR_SIZE 65536

static void run_getxattr(struct call *call)
{
    char *out = malloc(XATTR_SIZE);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, getxattr(T(0), T(1), out, XATTR_SIZE));
}

static void run_lgetxattr(struct call *call)
{
    char *out = malloc(XATTR_SIZE);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, lgetxattr(T(0), T(1), out, XATTR_SIZE));
}

static void run_fgetxattr(struct call *call)
{
    char *out = malloc(XATTR_SIZE);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, fgetxattr(FD(0), T(0), out, XATTR_SIZE));
}

static void run_listxattr(struct call *call)
{
    char *out = malloc(XATTR_SIZE);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, listxattr(T(0), out, XATTR_SIZE));
}

static void run_llistxattr(struct call *call)
{
    char *out = malloc(XATTR_SIZE);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, llistxattr(T(0), out, XATTR_SIZE));
}

static void run_flistxattr(struct call *call)
{
    char *out = malloc(XATTR_SIZE);
    if (out == NULL) return fail(call, ENOMEM);
    give(call, out, flistxattr(FD(0), out, XATTR_SIZE));
}

static void run_removexattr(struct call *call) { done(call, removexattr(T(0), T(1))); }
static void run_lremovexattr(struct call *call) { done(call, lremovexattr(T(0), T(1))); }
static void run_fremovexattr(struct call *call) { done(call, fremovexattr(FD(0), T(0))); }

/* ---- mounts ---- */

static void run_mount(struct call *call) { done(call, mount(T(0), T(1), T(2), (unsigned long)N(0), T(3))); }
static void run_umount2(struct call *call) { done(call, umount2(T(0), FD(0))); }

static void run_open_tree(struct call *call)
{
    done(call, syscall(SYS_open_tree, FD(0), T(0), (unsigned)N(1) | O_CLOEXEC));
}

static void run_move_mount(struct call *call)
{
    done(call, syscall(SYS_move_mount, FD(0), T(0), FD(1), T(1), (unsigned)N(2)));
}

static void run_fsopen(struct call *call) { done(call, syscall(SYS_fsopen, T(0), 1 /* FSOPEN_CLOEXEC */)); }

static void run_fsconfig(struct call *call)
{
    done(call, syscall(SYS_fsconfig, FD(0), (unsigned)N(1), T(0), T(1), FD(2)));
}

static void run_fsmount(struct call *call)
{
    done(call, syscall(SYS_fsmount, FD(0), 1 /* FSMOUNT_CLOEXEC */, (unsigned)N(1)));
}

static void run_fspick(struct call *call)
{
    done(call, syscall(SYS_fspick, FD(0), T(0), (unsigned)N(1) | 1 /* FSPICK_CLOEXEC */));
}

static void run_mount_setattr(struct call *call)
{
    struct {
        uint64_t set, clear, propagation, userns_fd;
    } attributes = {(uint64_t)N(2), (uint64_t)N(3), (uint64_t)N(4), (uint64_t)N(5)};
    done(call, syscall(SYS_mount_setattr, FD(0), T(0), (unsigned)N(1), &attributes, sizeof attributes));
}

/* Layout for JavaScript: eight 64-bit words: type, bsize, blocks, bfree, bavail, files, ffree, flags. */
static void give_statfs(struct call *call, int failed, const struct statfs *of)
{
    uint64_t words[] = {(uint64_t)of->f_type,  (uint64_t)of->f_bsize, of->f_blocks, of->f_bfree,
                        of->f_bavail, of->f_files, of->f_ffree, (uint64_t)of->f_flags};
    if (failed < 0) return done(call, -1);
    char *out = malloc(sizeof words);
    if (out == NULL) return fail(call, ENOMEM);
    memcpy(out, words, sizeof words);
    give(call, out, sizeof words);
}

static void run_statfs(struct call *call)
{
    struct statfs of = {0};
    give_statfs(call, statfs(T(0), &of), &of);
}

static void run_fstatfs(struct call *call)
{
    struct statfs of = {0};
    give_statfs(call, fstatfs(FD(0), &of), &of);
}

/* ---- file contents ---- */

static void run_flock(struct call *call) { done(call, flock(FD(0), FD(1) | LOCK_NB)); }
static void run_fallocate(struct call *call) { done(call, fallocate(FD(0), FD(1), N(2), N(3))); }
static void run_lseek(struct call *call) { done(call, lseek(FD(0), N(1), FD(2))); }

static void run_copy_file_range(struct call *call)
{
    loff_t from = N(1), to = N(3);
    done(call, copy_file_range(FD(0), &from, FD(2), &to, (size_t)N(4), 0));
}

static void run_ficlone(struct call *call) { done(call, ioctl(FD(0), FICLONE, FD(1))); }

static void run_sync_file_range(struct call *call)
{
    done(call, sync_file_range(FD(0), N(1), N(2), (unsigned)N(3)));
}

static void run_syncfs(struct call *call) { done(call, syncfs(FD(0))); }

static void run_memfd_create(struct call *call)
{
    done(call, syscall(SYS_memfd_create, T(0), (unsigned)N(0) | 1 /* MFD_CLOEXEC */));
}

static void run_fcntl(struct call *call) { done(call, fcntl(FD(0), FD(1), FD(2))); }

/* ---- sockets ---- */

static void run_socket(struct call *call) { done(call, socket(FD(0), FD(1) | SOCK_CLOEXEC, FD(2))); }

/*
 * Some things belong to the network namespace that their thread was in when it made them. The thread goes in, makes one,
 * and goes back; a thread that cannot go back must not run anything else, so the process ends.
 */
static int enter_netns(int netns)
{
    int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(netns, CLONE_NEWNET) == 0) return own;
    int error = errno;
    close(own);
    errno = error;
    return -1;
}

static void leave_netns(int own)
{
    if (setns(own, CLONE_NEWNET) < 0) abort();
    close(own);
}

static void run_socket_in_netns(struct call *call)
{
    int own = enter_netns(FD(0));
    if (own < 0) return done(call, -1);
    done(call, socket(FD(1), FD(2) | SOCK_CLOEXEC, FD(3)));
    leave_netns(own);
}

/* Settings below /proc/sys/net are those of the namespace of the thread that opens them. */
static void run_open_in_netns(struct call *call)
{
    int own = enter_netns(FD(0));
    if (own < 0) return done(call, -1);
    done(call, open(T(0), FD(1) | O_CLOEXEC));
    leave_netns(own);
}

static void run_bind(struct call *call)
{
    done(call, bind(FD(0), (const struct sockaddr *)T(0), (socklen_t)call->length[0]));
}

static void run_connect(struct call *call)
{
    done(call, connect(FD(0), (const struct sockaddr *)T(0), (socklen_t)call->length[0]));
}

static void run_listen(struct call *call) { done(call, listen(FD(0), FD(1))); }

static void run_setsockopt(struct call *call)
{
    done(call, setsockopt(FD(0), FD(1), FD(2), T(0), (socklen_t)call->length[0]));
}

static void run_getsockname(struct call *call)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof name;
    if (getsockname(FD(0), (struct sockaddr *)&name, &length) < 0) return done(call, -1);
    char *out = malloc(sizeof name);
    if (out == NULL) return fail(call, ENOMEM);
    memcpy(out, &name, length);
    give(call, out, length);
}

#define NETLINK_READ 65536

/*
 * Sends a datagram of netlink messages and gives all that the kernel answers. rtnetlink and nfnetlink work within
 * sendto(), and each part of a dump is made within recv(): when nothing more is queued, the answer is complete.
 */
static void run_netlink_request(struct call *call)
{
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    char *out = NULL;
    size_t used = 0, size = 0;
    if (sendto(FD(0), T(0), call->length[0], 0, (struct sockaddr *)&kernel, sizeof kernel) < 0)
        return done(call, -1);
    for (;;) {
        if (size - used < NETLINK_READ) {
            size = size * 2 + NETLINK_READ;
            char *grown = realloc(out, size);
            if (grown == NULL) {
                free(out);
                return fail(call, ENOMEM);
            }
            out = grown;
        }
        ssize_t got = recv(FD(0), out + used, size - used, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) break;
        if (got < 0) return give(call, out, -1);
        used += (size_t)got;
    }
    give(call, out, (int64_t)used);
}

/* ---- a connection's bytes, for threads that may wait for its peer ---- */

/* Gives 0 after so many milliseconds. Whatever else ended the wait is told by the call that was waited for. */
static int await_peer(int fd, short events, int milliseconds)
{
    struct pollfd of = {.fd = fd, .events = events};
    int ready = poll(&of, 1, milliseconds);
    return ready < 0 && errno == EINTR ? 1 : ready;
}

/*
 * Reads `length` bytes into the first buffer from `at` on, waiting for all of them; what has come of the bytes behind them
 * goes to the second one. Gives how many were read: fewer at the end, on an error that the next call gives, or when
 * nothing came for so long; EAGAIN when that is none at all.
 */
static void run_receive(struct call *call)
{
    int64_t at = N(1), length = N(2), beyond = N(3), got = 0;
    if (at < 0 || length < 0 || beyond < 0 || at + length > (int64_t)call->length[0] || beyond > (int64_t)call->length[1])
        return fail(call, EINVAL);
    do {
        struct iovec parts[] = {{T(0) + at + got, (size_t)(length - got)}, {T(1), (size_t)beyond}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        ssize_t n = recvmsg(FD(0), &message, MSG_DONTWAIT);
        int error = n < 0 ? errno : 0;
        if (n > 0) got += n;
        if (error == EAGAIN && await_peer(FD(0), POLLIN, (int)N(4)) > 0) continue;
        if (error == EINTR) continue;
        if (n <= 0) return got > 0 || n == 0 ? done(call, got) : fail(call, error);
    } while (got == 0 || got < length);
    done(call, got);
}

/* Waits for whatever it takes, and knows whether more follows at once; who wants an end to it shuts the connection down. */
static void run_send_all(struct call *call)
{
    size_t sent = 0;
    while (sent < call->length[0]) {
        ssize_t n = send(FD(0), T(0) + sent, call->length[0] - sent, MSG_DONTWAIT | MSG_NOSIGNAL | (N(1) ? MSG_MORE : 0));
        if (n > 0) sent += (size_t)n;
        else if (errno == EAGAIN) await_peer(FD(0), POLLOUT, -1);
        else if (errno != EINTR) return done(call, -1);
    }
    done(call, 0);
}

/* Gives how many bytes of the file were sent: fewer when it ends before. */
static int64_t send_file(int to, int file, off_t from, int64_t length)
{
    int64_t sent = 0;
    while (sent < length) {
        ssize_t n = sendfile(to, file, &from, (size_t)(length - sent));
        if (n == 0) break;
        if (n > 0) sent += n;
        else if (errno == EAGAIN) await_peer(to, POLLOUT, -1);
        else if (errno != EINTR) return -1;
    }
    return sent;
}

/* sendfile() has no flag that keeps SIGPIPE away: the thread takes it itself. */
static void run_send_file(struct call *call)
{
    sigset_t pipe_signal, before;
    struct timespec at_once = {0};
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    done(call, send_file(FD(0), FD(1), N(2), N(3)));
    if (call->error == EPIPE) sigtimedwait(&pipe_signal, NULL, &at_once);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_shutdown(struct call *call) { done(call, shutdown(FD(0), FD(1))); }

/* ---- processes ---- */

static void run_pidfd_open(struct call *call) { done(call, syscall(SYS_pidfd_open, (pid_t)N(0), (unsigned)N(1))); }

static void run_pidfd_send_signal(struct call *call)
{
    done(call, syscall(SYS_pidfd_send_signal, FD(0), FD(1), NULL, 0));
}

static void run_pidfd_getfd(struct call *call) { done(call, syscall(SYS_pidfd_getfd, FD(0), FD(1), 0)); }

/* True once the process has ended: a pidfd is readable from then on. */
static void run_pidfd_ended(struct call *call)
{
    struct pollfd of = {.fd = FD(0), .events = POLLIN};
    done(call, poll(&of, 1, 0));
}

static void run_kill(struct call *call) { done(call, kill((pid_t)N(0), FD(1))); }
/* Of the calling thread alone: the system calls themselves, since libc has none for capabilities. */
static void run_set_fs_ids(struct call *call)
{
    uid_t uid = (uid_t)N(0);
    gid_t gid = (gid_t)N(1);
    setfsgid(gid);
    setfsuid(uid);
    /* They say nothing of failure: asking with an id that is none gives the present one. */
    if ((gid_t)setfsgid((gid_t)-1) != gid || (uid_t)setfsuid((uid_t)-1) != uid) return fail(call, EPERM);
    /* A change from root takes the capabilities for files out of the effective set. */
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &head, data) < 0) return fail(call, errno);
    for (int i = 0; i < 2; i++) data[i].effective = data[i].permitted;
    done(call, syscall(SYS_capset, &head, data));
}

/* ---- many steps at once ---- */

/* One step of `fileSteps`: this head, then both texts, each with a NUL that its length does not count. */
struct step {
    uint8_t op;
    uint8_t missing; /* it is fine when there is no such file (ENODEV: no such cgroup any more) */
    uint16_t unused;
    uint32_t mode;
    uint32_t first;
    uint32_t second;
};

enum { STEP_MKDIR = 1, STEP_WRITE, STEP_POKE, STEP_SYMLINK, STEP_RENAME, STEP_UNLINK, STEP_RMDIR, STEP_EMPTY, STEP_SPREAD };

static int write_file(const char *path, int flags, mode_t mode, const char *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | flags, mode);
    if (fd < 0) return -1;
    int result = write_all(fd, data, length);
    int error = errno;
    if (close(fd) < 0 && result == 0) return -1;
    errno = error;
    return result;
}

/* Fails with ENOTEMPTY when the file can be read and has something in it. */
static int empty_file(const char *path)
{
    char byte;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = read(fd, &byte, 1);
    int error = errno;
    close(fd);
    errno = n > 0 ? ENOTEMPTY : error;
    return n == 0 ? 0 : -1;
}

/* Marks a directory as a top one, whose own ones get places far from each other. Few file systems know of it. */
static int spread(const char *path)
{
    int flags;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -1;
    if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
        flags |= FS_TOPDIR_FL;
        (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
    }
    close(fd);
    return 0;
}

static int run_step(const struct step *step, const char *first, const char *second)
{
    switch (step->op) {
    case STEP_MKDIR: return mkdir(first, (mode_t)step->mode);
    case STEP_WRITE: return write_file(first, O_CREAT | O_TRUNC, (mode_t)step->mode, second, step->second);
    case STEP_POKE: return write_file(first, 0, 0, second, step->second);
    case STEP_SYMLINK: return symlink(first, second);
    case STEP_RENAME: return rename(first, second);
    case STEP_UNLINK: return unlink(first);
    case STEP_RMDIR: return rmdir(first);
    case STEP_EMPTY: return empty_file(first);
    case STEP_SPREAD: return spread(first);
    default: errno = EINVAL; return -1;
    }
}

/* Runs them in order up to the first that fails; gives how many went well, and the errno of the one that did not. */
static void run_file_steps(struct call *call)
{
    const char *at = T(0), *end = at + call->length[0];
    int32_t *answer = calloc(2, sizeof *answer);
    if (answer == NULL) return fail(call, ENOMEM);
    for (; at < end; answer[0]++) {
        struct step step = {.op = 0};
        if ((size_t)(end - at) >= sizeof step) memcpy(&step, at, sizeof step);
        if (sizeof step + (uint64_t)step.first + step.second + 2 > (uint64_t)(end - at)) {
            answer[1] = EINVAL;
            break;
        }
        const char *first = at + sizeof step, *second = first + step.first + 1;
        at = second + step.second + 1;
        if (run_step(&step, first, second) == 0) continue;
        if (step.missing && (errno == ENOENT || errno == ENODEV)) continue;
        answer[1] = errno;
        break;
    }
    give(call, (char *)answer, 2 * sizeof *answer);
}

/* ---- many files at once ---- */

/*
 * Appends a file's bytes, up to MAX_READ, behind their number; or the negative errno alone. What is named by `#` and a
 * descriptor is read from its beginning. Of `+` and a path the descriptor is kept, and follows the number.
 */
#define MAX_READ (1u << 20)

static void read_into(FILE *to, const char *name)
{
    const char *path = name[0] == '+' ? name + 1 : name;
    bool kept = name[0] == '#';
    char piece[8192];
    char *bytes = NULL;
    size_t size = 0;
    FILE *content = open_memstream(&bytes, &size);
    int fd = kept ? atoi(path + 1) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int error = fd < 0 ? errno : 0;
    ssize_t n = 0;
    if (content == NULL) abort();
    for (size_t total = 0; fd >= 0 && total < MAX_READ; total += (size_t)n) {
        do n = kept ? pread(fd, piece, sizeof piece, (off_t)total) : read(fd, piece, sizeof piece);
        while (n < 0 && errno == EINTR);
        if (n < 0) error = errno;
        if (n > 0) fwrite(piece, 1, (size_t)n, content);
        /* The kernel makes a small file of this kind as a whole. */
        if (n <= 0 || (kept && n < (ssize_t)sizeof piece / 2)) break;
    }
    if (fd >= 0 && !kept && (path == name || error)) {
        close(fd);
        fd = -1;
    }
    fclose(content);
    int32_t length = error ? -error : (int32_t)size;
    int32_t descriptor = fd;
    fwrite(&length, sizeof length, 1, to);
    if (name[0] == '+') fwrite(&descriptor, sizeof descriptor, 1, to);
    if (length > 0) fwrite(bytes, 1, size, to);
    free(bytes);
}

/* Takes names, each with a NUL. */
static void run_read_files(struct call *call)
{
    const char *at = T(0), *end = at + call->length[0];
    char *answer = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&answer, &size);
    if (to == NULL) return fail(call, ENOMEM);
    for (const char *stop; at < end && (stop = memchr(at, 0, (size_t)(end - at))) != NULL; at = stop + 1) read_into(to, at);
    fclose(to);
    give(call, answer, size);
}

static void run_umask(struct call *call) { done(call, umask((mode_t)N(0))); }

const struct entry entries[] = {
    {"openat2", "isiii", GIVES_NUMBER, FAST, run_openat2},
    {"mkdirat", "isi", GIVES_NOTHING, FAST, run_mkdirat},
    {"mknodat", "isiii", GIVES_NOTHING, FAST, run_mknodat},
    {"symlinkat", "sis", GIVES_NOTHING, FAST, run_symlinkat},
    {"linkat", "isisi", GIVES_NOTHING, FAST, run_linkat},
    {"unlinkat", "isi", GIVES_NOTHING, FAST, run_unlinkat},
    {"renameat2", "isisi", GIVES_NOTHING, FAST, run_renameat2},
    {"fchownat", "isiii", GIVES_NOTHING, FAST, run_fchownat},
    {"fchmodat", "isii", GIVES_NOTHING, FAST, run_fchmodat},
    {"utimensat", "isIIi", GIVES_NOTHING, FAST, run_utimensat},
    {"writeNew", "isbiiiI", GIVES_NOTHING, FAST, run_write_new},
    {"statx", "isii", GIVES_BYTES, FAST, run_statx},
    {"readlinkat", "is", GIVES_BYTES, FAST, run_readlinkat},
    {"getdents", "i", GIVES_BYTES, FAST, run_getdents},

    {"setxattr", "ssbi", GIVES_NOTHING, FAST, run_setxattr},
    {"lsetxattr", "ssbi", GIVES_NOTHING, FAST, run_lsetxattr},
    {"fsetxattr", "isbi", GIVES_NOTHING, FAST, run_fsetxattr},
    {"getxattr", "ss", GIVES_BYTES, FAST, run_getxattr},
    {"lgetxattr", "ss", GIVES_BYTES, FAST, run_lgetxattr},
    {"fgetxattr", "is", GIVES_BYTES, FAST, run_fgetxattr},
    {"listxattr", "s", GIVES_BYTES, FAST, run_listxattr},
    {"llistxattr", "s", GIVES_BYTES, FAST, run_llistxattr},
    {"flistxattr", "i", GIVES_BYTES, FAST, run_flistxattr},
    {"removexattr", "ss", GIVES_NOTHING, FAST, run_removexattr},
    {"lremovexattr", "ss", GIVES_NOTHING, FAST, run_lremovexattr},
    {"fremovexattr", "is", GIVES_NOTHING, FAST, run_fremovexattr},

    {"mount", "SsSiS", GIVES_NOTHING, BLOCKING, run_mount},
    {"umount2", "si", GIVES_NOTHING, BLOCKING, run_umount2},
    {"openTree", "isi", GIVES_NUMBER, FAST, run_open_tree},
    {"moveMount", "isisi", GIVES_NOTHING, FAST, run_move_mount},
    {"fsopen", "s", GIVES_NUMBER, FAST, run_fsopen},
    {"fsconfig", "iiSSi", GIVES_NOTHING, BLOCKING, run_fsconfig},
    {"fsmount", "ii", GIVES_NUMBER, FAST, run_fsmount},
    {"fspick", "isi", GIVES_NUMBER, FAST, run_fspick},
    {"mountSetattr", "isiiiii", GIVES_NOTHING, FAST, run_mount_setattr},
    {"statfs", "s", GIVES_BYTES, BLOCKING, run_statfs},
    {"fstatfs", "i", GIVES_BYTES, FAST, run_fstatfs},

    {"flock", "ii", GIVES_NOTHING, FAST, run_flock},
    {"fallocate", "iiii", GIVES_NOTHING, BLOCKING, run_fallocate},
    {"lseek", "iii", GIVES_NUMBER, FAST, run_lseek},
    {"copyFileRange", "iiiii", GIVES_NUMBER, BLOCKING, run_copy_file_range},
    {"ficlone", "ii", GIVES_NOTHING, BLOCKING, run_ficlone},
    {"syncFileRange", "iiii", GIVES_NOTHING, BLOCKING, run_sync_file_range},
    {"syncfs", "i", GIVES_NOTHING, BLOCKING, run_syncfs},
    {"fileSteps", "b", GIVES_BYTES, BLOCKING, run_file_steps},
    {"readFiles", "b", GIVES_BYTES, BLOCKING, run_read_files},
    {"memfdCreate", "si", GIVES_NUMBER, FAST, run_memfd_create},
    {"fcntl", "iii", GIVES_NUMBER, FAST, run_fcntl},

    {"socket", "iii", GIVES_NUMBER, FAST, run_socket},
    {"socketInNetns", "iiii", GIVES_NUMBER, FAST, run_socket_in_netns},
    {"openInNetns", "isi", GIVES_NUMBER, FAST, run_open_in_netns},
    {"bind", "ib", GIVES_NOTHING, FAST, run_bind},
    {"connect", "ib", GIVES_NOTHING, FAST, run_connect},
    {"listen", "ii", GIVES_NOTHING, FAST, run_listen},
    {"setsockopt", "iiib", GIVES_NOTHING, FAST, run_setsockopt},
    {"getsockname", "i", GIVES_BYTES, FAST, run_getsockname},
    {"netlinkRequest", "ib", GIVES_BYTES, BLOCKING, run_netlink_request},
    {"shutdown", "ii", GIVES_NOTHING, FAST, run_shutdown},
    {"receive", "ibiibii", GIVES_NUMBER, WAITING, run_receive},
    {"sendAll", "ibi", GIVES_NOTHING, WAITING, run_send_all},
    {"sendFile", "iiii", GIVES_NUMBER, WAITING, run_send_file},

    {"pidfdOpen", "ii", GIVES_NUMBER, FAST, run_pidfd_open},
    {"pidfdSendSignal", "ii", GIVES_NOTHING, FAST, run_pidfd_send_signal},
    {"pidfdGetfd", "ii", GIVES_NUMBER, FAST, run_pidfd_getfd},
    {"pidfdEnded", "i", GIVES_NUMBER, FAST, run_pidfd_ended},
    {"kill", "ii", GIVES_NOTHING, FAST, run_kill},
    {"umask", "i", GIVES_NUMBER, FAST, run_umask},
    {"setFsIds", "ii", GIVES_NOTHING, FAST, run_set_fs_ids},
};

const size_t entry_count = sizeof entries / sizeof entries[0];
