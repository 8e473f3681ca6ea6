/**
 * The operations of a launch plan: each about one system call, interpreted by `native/shim/plan.c`. One table for the
 * compiler that makes plans, the encoder and the interpreter (a test holds `native/shim/ops.h` to it).
 *
 * A plan runs in a child that the shim forks (A), in the host's namespaces. `spawn_init` continues the rest of the list
 * in a child of the shim (CLONE_PARENT) and A ends: for a container that child is PID 1, for an exec the process itself.
 * Slots are numbered file descriptors (0–4095), kept over `spawn_init`, all close-on-exec. "In the root" means: resolved
 * by openat2(RESOLVE_IN_ROOT, no magic links) beneath the container's root (`attach_root`, or `/` when there was none).
 * Paths are at most 4095 bytes. The first failing operation ends the plan: index, name, errno and text go to the caller.
 */

/**
 * `u32`, `i32`, `u64`: little-endian. `text`: u32 length, bytes, NUL. `bytes`: u32 length, bytes.
 * `texts`, `u32s`: u32 count, then each.
 */
export type ArgKind = "u32" | "i32" | "u64" | "text" | "bytes" | "texts" | "u32s";

interface OpRow {
  readonly code: number;
  readonly args: Readonly<Record<string, ArgKind>>;
}

/** No slot: for arguments that may name one. */
export const NO_SLOT = 0xffff_ffff;

export const OPS = {
  // — Processes and namespaces —
  /**
   * clone3(CLONE_PARENT | flags); the rest of the plan runs in the child. `cgroup`: a cgroup v2 directory to be born in
   * (CLONE_INTO_CGROUP), or empty. CLONE_NEW* flags; with CLONE_NEWCGROUP the new cgroup namespace would be rooted at
   * A's cgroup, not at `cgroup`: use `unshare` afterwards.
   */
  spawn_init: { code: 1, args: { flags: "u32", cgroup: "text" } },
  /** unshare(flags). */
  unshare: { code: 2, args: { flags: "u32" } },
  /** open(path), setns(fd, kind). `kind`: one CLONE_NEW* flag, or 0 for any. */
  setns: { code: 3, args: { path: "text", kind: "u32" } },
  /** setns(pidfd of the container's PID 1, flags): exec plans. Fails with ESRCH when PID 1 is gone. */
  join_init: { code: 4, args: { flags: "u32" } },
  /**
   * After `unshare(CLONE_NEWUSER)`: the shim writes /proc/A/{uid_map,gid_map} from outside ("inside outside size\n"…),
   * then A becomes uid 0, gid 0 of the new namespace. `denySetgroups` 1: "deny" goes to setgroups first.
   */
  sync_maps: { code: 5, args: { uidMap: "text", gidMap: "text", denySetgroups: "u32" } },
  /** setsid(). `console` does it by itself. */
  new_session: { code: 6, args: {} },
  /**
   * A itself is born in this cgroup v2 directory, and what it makes too; only as the first operation. EAGAIN: the cgroup
   * may have no further process.
   */
  begin_in: { code: 7, args: { cgroup: "text" } },

  // — Files of the host (plain path resolution; never with a path that a container can influence) —
  /** mkdir -p with `mode` for what is made; exists already: fine. */
  mkdir_all: { code: 10, args: { path: "text", mode: "u32" } },
  /**
   * open(path, O_WRONLY | O_CLOEXEC | flags, 0600), one write. Joining a cgroup: "0" to `<dir>/tasks` or
   * `<dir>/cgroup.procs`. `ignore`: errnos of open or write that are not failures. Below /proc the file must be on procfs.
   */
  write_file: { code: 11, args: { path: "text", data: "bytes", flags: "u32", ignore: "u32s" } },
  /**
   * Device rules of a cgroup v2 directory: loads `program` (struct bpf_insn[], BPF_PROG_TYPE_CGROUP_DEVICE) and attaches
   * it (BPF_F_ALLOW_MULTI).
   */
  cgroup_devices: { code: 12, args: { path: "text", program: "bytes" } },
  /** open(path, O_WRONLY | O_CLOEXEC): the right to write there, for a process that will not have it (`write_slot`). */
  open_file: { code: 13, args: { slot: "u32", path: "text" } },
  /** One write to the slot's file. */
  write_slot: { code: 14, args: { slot: "u32", data: "bytes" } },

  // — Mounts: detached, as fds in slots —
  /**
   * open_tree(path, OPEN_TREE_CLOEXEC | flags). `flags`: OPEN_TREE_CLONE (1), AT_RECURSIVE (0x8000),
   * AT_SYMLINK_NOFOLLOW (0x100). `root` not empty: `path` is resolved in that directory (RESOLVE_IN_ROOT, no magic links).
   */
  open_tree: { code: 20, args: { slot: "u32", root: "text", path: "text", flags: "u32" } },
  /**
   * An overlay mount. `lower`: uppermost first; `@N` is the directory in slot N, `@N/NAME` one in it (with
   * `lowerdir+` only; also for `upper` and `work`). `upper` and `work` empty: read-only overlay (one lower is then
   * a clone of that directory). `options`: further `key` or `key=value` (`volatile`, `userxattr`, `metacopy=on`…).
   * `attrs`: MOUNT_ATTR_*. fsopen with `lowerdir+`; where the kernel lacks it, mount(2) by a helper.
   */
  overlay: {
    code: 21,
    args: { slot: "u32", lower: "texts", upper: "text", work: "text", options: "texts", attrs: "u32" },
  },
  /**
   * fsopen(fstype), fsconfig for `source` (unless empty) and each option (`key` a flag, `key=value` a string), fsmount
   * with `attrs` (MOUNT_ATTR_*). Belongs to the namespaces of the process that runs it: proc after `spawn_init`.
   */
  fsmount: { code: 22, args: { slot: "u32", fstype: "text", source: "text", options: "texts", attrs: "u32" } },
  /**
   * mount_setattr on a slot: MOUNT_ATTR_* to set and clear, `propagation` MS_* or 0, `recursive` 1 for the whole tree,
   * `userns` the slot of a user namespace for MOUNT_ATTR_IDMAP, or NO_SLOT.
   */
  mount_setattr: {
    code: 23,
    args: { slot: "u32", set: "u64", clear: "u64", propagation: "u64", recursive: "u32", userns: "u32" },
  },
  /** A user namespace with these maps ("inside outside size\n"…), for idmapped mounts. */
  new_userns: { code: 24, args: { slot: "u32", uidMap: "text", gidMap: "text" } },
  /** move_mount of the slot over `/` of this mount namespace: from here on paths "in the root" are beneath it. */
  attach_root: { code: 25, args: { slot: "u32" } },
  /**
   * move_mount of the slot onto `target` in the root. `create`: 0 target must be there, 1 made as a directory (with
   * parents), 2 as an empty file (with parents). The slot stays usable (`mount_setattr` for propagation). EPERM when the
   * target turns out to be on procfs, unless 4 is added.
   */
  move_mount: { code: 26, args: { slot: "u32", target: "text", create: "u32" } },
  /** mount(NULL, path, NULL, flags): MS_REC | MS_PRIVATE / MS_SLAVE / MS_SHARED on `path` of this namespace (not in the root). */
  propagation: { code: 27, args: { path: "text", flags: "u32" } },
  /** fchdir(root), pivot_root(".", "."), umount2(".", MNT_DETACH), chdir("/"). */
  pivot_root: { code: 28, args: {} },
  close_slot: { code: 29, args: { slot: "u32" } },
  /** mount_setattr on the container's root mount alone (read-only root: set MOUNT_ATTR_RDONLY; propagation of the root). */
  root_setattr: { code: 30, args: { set: "u64", clear: "u64", propagation: "u64" } },
  /**
   * Creates a file in the slot's directory tree and writes it (for a tmpfs made by `fsmount`): parents are made. For
   * `--tmpfs` with content and secrets.
   */
  slot_file: { code: 31, args: { slot: "u32", path: "text", data: "bytes", mode: "u32", uid: "u32", gid: "u32" } },
  /**
   * open_tree(OPEN_TREE_CLONE | flags) of a path as the mount namespace of that file (/proc/PID/ns/mnt) has it. Before
   * `spawn_init`.
   */
  foreign_tree: { code: 32, args: { slot: "u32", namespace: "text", path: "text", flags: "u32" } },
  /**
   * setfsuid(uid), setfsgid(gid), capabilities kept: for a file system that writes as who mounted it. Overlay does so in
   * its work directory, where on an idmapped mount only ids that are mapped can write.
   */
  fs_ids: { code: 33, args: { uid: "u32", gid: "u32" } },

  // — In the root —
  /** A directory with its parents; `mode`, `uid`, `gid` for those that are made. Exists already: untouched. */
  make_dir: { code: 40, args: { path: "text", mode: "u32", uid: "u32", gid: "u32" } },
  /** symlinkat; exists already: fine. */
  symlink: { code: 41, args: { target: "text", path: "text" } },
  /** mknodat (`mode` with S_IFCHR…), chmod, chown. What is there already is replaced unless it is that very device. */
  mknod: { code: 42, args: { path: "text", mode: "u32", major: "u32", minor: "u32", uid: "u32", gid: "u32" } },
  /**
   * Masks: a file with /dev/null (checked to be 1:3), a directory with an empty read-only tmpfs. Missing: fine.
   * After `pivot_root` or before.
   */
  mask_path: { code: 44, args: { path: "text" } },
  /** A read-only bind of the path onto itself, recursive, keeping nosuid, nodev, noexec. Missing: fine. */
  readonly_path: { code: 45, args: { path: "text" } },
  /** Writes `value` to /proc/sys/<name with slashes> of an own, detached procfs. */
  sysctl: { code: 46, args: { name: "text", value: "text" } },
  hostname: { code: 47, args: { name: "text" } },
  domainname: { code: 48, args: { name: "text" } },
  /** SIOCSIFFLAGS IFF_UP on lo. */
  loopback_up: { code: 49, args: {} },
  /**
   * A terminal: opens /dev/pts/ptmx in the root, hands the master to the shim, chowns the slave to `uid` (gid stays
   * tty's), sets the size (0×0: left alone), setsid, TIOCSCTTY, dup2 to 0, 1, 2. `bind` 1: also bound on /dev/console.
   */
  console: { code: 50, args: { uid: "u32", rows: "u32", cols: "u32", bind: "u32" } },
  /** Without a terminal: the shim's pipes become 0, 1, 2 and are owned by `uid`; stdin not open: /dev/null in the root. */
  stdio: { code: 51, args: { uid: "u32" } },
  /** Before a user namespace, in which the shim's pipes would be nobody's: gives them to the user as the host has it. */
  own_stdio: { code: 52, args: { uid: "u32", gid: "u32" } },

  // — The process —
  /** setrlimit. RLIM_INFINITY is 2^64−1. `resource`: RLIMIT_*. */
  rlimit: { code: 60, args: { resource: "u32", soft: "u64", hard: "u64" } },
  /** Writes oom_score_adj of this process; `ignore`: errnos that are not failures. Before `join_init` or after `spawn_init`. */
  oom_score_adj: { code: 61, args: { value: "i32", ignore: "u32s" } },
  umask: { code: 62, args: { mask: "u32" } },
  /** keyctl(JOIN_SESSION_KEYRING, name); ENOSYS, EPERM, EDQUOT and ENOMEM… are failures unless in `ignore`. */
  keyring: { code: 63, args: { name: "text", ignore: "u32s" } },
  /** PR_CAPBSET_DROP of each capability that is not in `keep` (bit n: capability n). */
  bounding: { code: 64, args: { keep: "u64" } },
  /** capset. */
  capset: { code: 65, args: { effective: "u64", permitted: "u64", inheritable: "u64" } },
  /** Clears the ambient set, raises each of `mask` that is permitted and inheritable. */
  ambient: { code: 66, args: { mask: "u64" } },
  /** PR_SET_KEEPCAPS (1 before `setuid`, so that `capset` is possible after). */
  keep_caps: { code: 67, args: { on: "u32" } },
  no_new_privs: { code: 68, args: {} },
  /** seccomp(SECCOMP_SET_MODE_FILTER, flags, program): `program` is an array of struct sock_filter. */
  seccomp: { code: 69, args: { program: "bytes", flags: "u32" } },
  setgroups: { code: 70, args: { gids: "u32s" } },
  /** setresgid(gid, gid, gid). */
  setgid: { code: 71, args: { gid: "u32" } },
  /** setresuid(uid, uid, uid). */
  setuid: { code: 72, args: { uid: "u32" } },
  /** chdir, then getcwd must be inside of the root (ENOENT otherwise, CVE-2024-21626). After `pivot_root`. */
  chdir: { code: 73, args: { path: "text" } },
  /**
   * What a daemon hands down: signal handlers and mask, nice, io priority, scheduling policy and timer slack, securebits, PDEATHSIG, dumpable
   * (off until the exec), umask 022.
   */
  reset: { code: 74, args: {} },
  /** Closes each fd ≥ 3 but the channel to the shim (close-on-exec): slots are gone after this. */
  close_fds: { code: 75, args: {} },
  /**
   * Writes `value` to /proc/self/attr/`attr` (such as `apparmor/exec`, `exec`, `keycreate`) of an own, detached procfs. Making
   * that takes privileges: a first one must come before they go.
   */
  lsm_attr: { code: 76, args: { attr: "text", value: "text" } },
  /**
   * Finds the program for `exec`, as the user that it will run as: `name` with a slash as it is, else through `path`
   * (colon separated). ENOENT: not found; EACCES: found, not executable; EISDIR: a directory.
   */
  find_program: { code: 77, args: { name: "text", path: "text" } },
  /** Create is answered here; goes on at Start. Not for exec plans. */
  wait_start: { code: 78, args: {} },
  /**
   * execve of what `find_program` found (or argv[0]). When the kernel does not run it (ENOEXEC, ENOENT of an
   * interpreter…), the process says so on its stderr and ends with 255.
   */
  exec: { code: 79, args: { argv: "texts", env: "texts" } },
  personality: { code: 80, args: { persona: "u32" } },
  /**
   * SIGKILL when the shim ends: nobody else would notice while no daemon is there. Changes of credentials undo it, and so does
   * the exec of a program with a set-id bit or file capabilities, or into another profile of AppArmor or another domain of SELinux:
   * a daemon looks for itself.
   */
  die_with_shim: { code: 81, args: {} },
} as const satisfies Record<string, OpRow>;

export type OpName = keyof typeof OPS;

interface ArgTypes {
  u32: number;
  i32: number;
  u64: number | bigint;
  text: string;
  bytes: Uint8Array;
  texts: readonly string[];
  u32s: readonly number[];
}

type ArgsOf<Row extends OpRow> = {
  readonly [Name in keyof Row["args"]]: ArgTypes[Row["args"][Name]];
};

/** One operation: `{ op: "unshare", flags: 0x20000 }`. */
export type PlanOp = {
  [Name in OpName]: { readonly op: Name } & ArgsOf<(typeof OPS)[Name]>;
}[OpName];

/** The name of an opcode, as failures carry it; undefined for one that this table does not know. */
export function opName(code: number): OpName | undefined {
  return BY_CODE.get(code);
}

const BY_CODE = new Map<number, OpName>(
  // Object.keys gives string[]; the keys of OPS are OpName.
  (Object.keys(OPS) as OpName[]).map((name) => [OPS[name].code, name]),
);
