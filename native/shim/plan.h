/* The interpreter of launch plans: runs in a forked child, one operation after the other. */
#ifndef BERTH_PLAN_H
#define BERTH_PLAN_H

#include <stdarg.h>
#include <sys/types.h>

#include "ops.h"
#include "wire.h"

#define MAX_SLOTS 4096
#define PATH_BYTES 4096

/* What the child tells the shim over its SOCK_SEQPACKET channel, and what it waits for. */
enum channel_kind {
  CHANNEL_PID = 1,  /* value: pid of the process that goes on (from A) */
  CHANNEL_MAPS,     /* text: uid map NUL gid map NUL; value: deny setgroups. Answered by an errno (int32) */
  CHANNEL_CONSOLE,  /* with the terminal's master by SCM_RIGHTS */
  CHANNEL_READY,    /* wait_start was reached; answered by one byte at Start */
  CHANNEL_FAILED,   /* value: errno; index and opcode; text */
};

struct channel_message {
  uint32_t kind;
  int32_t value;
  uint32_t index, opcode;
};
#define CHANNEL_TEXT 8192

struct plan {
  int channel;
  int stdio[3];   /* the child's ends of the pipes, -1 where there is none (stdin not open, or a terminal) */
  int init_pidfd; /* exec plans */
  int spawned;    /* after spawn_init */
  int begun_in;   /* the process that runs the plan was born in the cgroup of `begin_in` */
  int root;       /* O_PATH fd of the container's root, -1: `/` */
  int proc;       /* own detached procfs, -1: not made yet */
  int proc_is_whole; /* it has more than processes */
  int null_mask, dir_mask; /* what masks are cloned from, -1: not made yet */
  int slots[MAX_SLOTS];
  char program[PATH_BYTES];
  char text[512]; /* of the failure */
};

/* A variant for kernels without lowerdir+; also forced by --overlay=mount2. */
extern int overlay_by_mount2;

/* Checks the frame of a plan: magic, version, lengths, known opcodes. Gives PLAN_* or a negative errno. */
enum plan_contents { PLAN_SPAWNS = 1, PLAN_WAITS = 2 };
int plan_check(const uint8_t *bytes, size_t length);

/* The cgroup of a checked plan that starts with `begin_in`, or NULL. */
const char *plan_cgroup(const uint8_t *bytes, size_t length);

/* Runs it; does not return. */
__attribute__((noreturn)) void plan_run(struct plan *plan, const uint8_t *bytes, size_t length);

/* Records what failed and gives -err, so that an operation can `return fail(…)`. */
__attribute__((format(printf, 3, 4))) int fail(struct plan *plan, int err, const char *format, ...);

void channel_send(int channel, uint32_t kind, int32_t value, uint32_t index, uint32_t opcode, const char *text,
                  size_t text_length, int fd);

#define OP(name, code) int op_##name(struct plan *plan, struct reader *args);
PLAN_OPS(OP)
#undef OP

/* — Paths in the root (rootfs.c) — */
/* openat2 beneath the root: RESOLVE_IN_ROOT, no magic links. Gives an fd or -1 with errno. */
int open_in_root(struct plan *plan, const char *path, uint64_t flags);
/* Makes directories until `path` is one; gives an O_PATH fd or -1 with errno. */
int make_dirs_in(int root, const char *path, mode_t mode, uid_t uid, gid_t gid);
/* Opens the parent directory of `path` (made when missing) and gives its last component. */
int open_parent_in(int root, const char *path, char *name, size_t size);
int root_fd(struct plan *plan);
/* A file of a detached procfs that belongs to this process alone; an fd or -1 with errno. */
int open_own_proc(struct plan *plan, const char *path, int flags);
int is_procfs(int fd);
int slot_get(struct plan *plan, uint32_t slot);
int slot_set(struct plan *plan, uint32_t slot, int fd);
/* A char device opened O_PATH in the root and checked to be that device. */
int open_device_in_root(struct plan *plan, const char *path, unsigned major, unsigned minor);
/* True for the shim's own file: /proc/self/exe, named before the exec, is that one (seal.c). */
int is_own_executable(const char *path);
int write_all_once(int fd, const void *data, size_t length);

#endif
