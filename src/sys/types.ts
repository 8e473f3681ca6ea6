/** A path or name for the kernel: text, or bytes when it may not be UTF-8. */
export type PathLike = string | Uint8Array;

/** What statx(2) tells; times in nanoseconds since 1970. */
export interface FileStatus {
  mode: number;
  nlink: number;
  uid: number;
  gid: number;
  ino: bigint;
  size: bigint;
  /** In units of 512 bytes. */
  blocks: bigint;
  blksize: number;
  atime: bigint;
  mtime: bigint;
  ctime: bigint;
  btime: bigint;
  rdevMajor: number;
  rdevMinor: number;
  devMajor: number;
  devMinor: number;
  mountId: bigint;
}

export interface FileSystemStatus {
  type: bigint;
  bsize: bigint;
  blocks: bigint;
  bfree: bigint;
  bavail: bigint;
  files: bigint;
  ffree: bigint;
  flags: bigint;
}

export interface DirectoryEntry {
  name: Buffer;
  /** DT_*: 4 directory, 8 file, 10 symlink, 2 char, 6 block, 1 fifo, 12 socket, 0 unknown. */
  type: number;
  ino: bigint;
}

/**
 * System calls that return at once on a sane host. Each is the call of its name (man section 2); a failure throws an
 * Error with `code` (`ENOENT`), `errno` (negative), `syscall`, and the paths in its message.
 * O_CLOEXEC is set on every descriptor. Numbers are exact up to 2^53.
 */
export interface FastCalls {
  openat2(dirfd: number, path: PathLike, flags: number, mode: number, resolve: number): number;
  mkdirat(dirfd: number, path: PathLike, mode: number): void;
  mknodat(dirfd: number, path: PathLike, mode: number, major: number, minor: number): void;
  symlinkat(target: PathLike, dirfd: number, path: PathLike): void;
  linkat(fromDir: number, from: PathLike, toDir: number, to: PathLike, flags: number): void;
  unlinkat(dirfd: number, path: PathLike, flags: number): void;
  renameat2(fromDir: number, from: PathLike, toDir: number, to: PathLike, flags: number): void;
  fchownat(dirfd: number, path: PathLike, uid: number, gid: number, flags: number): void;
  /** With AT_EMPTY_PATH and "" the descriptor itself, O_PATH too. */
  fchmodat(dirfd: number, path: PathLike, mode: number, flags: number): void;
  /** null leaves a time as it is. */
  utimensat(dirfd: number, path: PathLike, atime: bigint | null, mtime: bigint | null, flags: number): void;
  /**
   * Makes a file, which must not be there, with content, owner, mode and both times: in one call, for many small files.
   * A failure after EEXIST is ruled out leaves the file.
   */
  writeNew(dirfd: number, path: PathLike, data: Uint8Array, mode: number, uid: number, gid: number, time: bigint): void;
  statx(dirfd: number, path: PathLike, flags: number): FileStatus;
  readlinkat(dirfd: number, path: PathLike): Buffer;
  /** The next entries, without `.` and `..`; undefined at the end. Order is the file system's. */
  getdents(fd: number): DirectoryEntry[] | undefined;

  setxattr(path: PathLike, name: PathLike, value: Uint8Array, flags: number): void;
  lsetxattr(path: PathLike, name: PathLike, value: Uint8Array, flags: number): void;
  fsetxattr(fd: number, name: PathLike, value: Uint8Array, flags: number): void;
  getxattr(path: PathLike, name: PathLike): Buffer;
  lgetxattr(path: PathLike, name: PathLike): Buffer;
  fgetxattr(fd: number, name: PathLike): Buffer;
  listxattr(path: PathLike): Buffer[];
  llistxattr(path: PathLike): Buffer[];
  flistxattr(fd: number): Buffer[];
  removexattr(path: PathLike, name: PathLike): void;
  lremovexattr(path: PathLike, name: PathLike): void;
  fremovexattr(fd: number, name: PathLike): void;

  openTree(dirfd: number, path: PathLike, flags: number): number;
  moveMount(fromDir: number, from: PathLike, toDir: number, to: PathLike, flags: number): void;
  fsopen(type: PathLike): number;
  fsmount(fd: number, attributes: number): number;
  fspick(dirfd: number, path: PathLike, flags: number): number;
  mountSetattr(
    dirfd: number,
    path: PathLike,
    flags: number,
    set: number,
    clear: number,
    propagation: number,
    usernsFd: number,
  ): void;
  fstatfs(fd: number): FileSystemStatus;

  /** Never waits: LOCK_NB is always set, so a held lock is EAGAIN. */
  flock(fd: number, operation: number): void;
  lseek(fd: number, offset: number, whence: number): number;
  memfdCreate(name: PathLike, flags: number): number;
  fcntl(fd: number, command: number, argument: number): number;

  socket(domain: number, type: number, protocol: number): number;
  /** A socket in the network namespace of that descriptor; the calling thread is back in its own when this returns. */
  socketInNetns(netnsFd: number, domain: number, type: number, protocol: number): number;
  /** A file opened from within the network namespace of that descriptor, for its settings below /proc/sys/net. */
  openInNetns(netnsFd: number, path: PathLike, flags: number): number;
  /** `address` is a struct sockaddr (`sockaddr.ts`). */
  bind(fd: number, address: Uint8Array): void;
  connect(fd: number, address: Uint8Array): void;
  listen(fd: number, backlog: number): void;
  setsockopt(fd: number, level: number, name: number, value: Uint8Array): void;
  getsockname(fd: number): Buffer;
  shutdown(fd: number, how: number): void;

  pidfdOpen(pid: number, flags: number): number;
  /** A duplicate (close-on-exec) of another process's descriptor. */
  pidfdGetfd(pidfd: number, descriptor: number): number;
  pidfdSendSignal(pidfd: number, signal: number): void;
  /** True once the process has ended (reaped or not). */
  pidfdEnded(pidfd: number): boolean;
  kill(pid: number, signal: number): void;
  umask(mask: number): number;
  /** Who the calling thread is to file systems (setfsuid(2)); capabilities are kept. */
  setFsIds(uid: number, gid: number): void;
}

/** System calls that may wait for a disk or a lock: on the thread pool, as promises. */
export interface BlockingCalls {
  mount(
    source: PathLike | null,
    target: PathLike,
    type: PathLike | null,
    flags: number,
    data: PathLike | null,
  ): Promise<void>;
  umount2(target: PathLike, flags: number): Promise<void>;
  fsconfig(fd: number, command: number, key: PathLike | null, value: PathLike | null, aux: number): Promise<void>;
  statfs(path: PathLike): Promise<FileSystemStatus>;
  fallocate(fd: number, mode: number, offset: number, length: number): Promise<void>;
  /** Gives the number of bytes copied, which may be less. */
  copyFileRange(from: number, fromOffset: number, to: number, toOffset: number, length: number): Promise<number>;
  ficlone(to: number, from: number): Promise<void>;
  syncFileRange(fd: number, offset: number, length: number, flags: number): Promise<void>;
  syncfs(fd: number): Promise<void>;
  /** What `file-steps.ts` encodes; gives the number of the step that failed (or of all) and its errno, as i32. */
  fileSteps(steps: Uint8Array): Promise<Buffer>;
  /**
   * Reads files, whose paths each end with a NUL; gives for each the number of bytes and the bytes, or -errno, as i32. `#N` is
   * descriptor N; `+PATH` gives the descriptor as well, as i32 behind the number (-1 when there is none).
   */
  readFiles(paths: Uint8Array): Promise<Buffer>;
  /** Sends netlink messages and gives all that the kernel answers. One request at a time on a descriptor. */
  netlinkRequest(fd: number, messages: Uint8Array): Promise<Buffer>;
}

/** Calls that wait for the peer of a socket, as long as it takes: for worker threads, which do nothing else meanwhile. */
export interface PeerCalls {
  /**
   * Reads `length` bytes into `into` from `at` on, and of those behind them what is there already (up to `beyondLength`,
   * into `beyond`). Gives how many were read: 0 at the end, and fewer when nothing more came within `waitMs`.
   * @throws EAGAIN when nothing at all came.
   */
  receive(
    fd: number,
    into: Uint8Array,
    at: number,
    length: number,
    beyond: Uint8Array,
    beyondLength: number,
    waitMs: number,
  ): number;
  /** Sends all of it. `more` (0 or 1): something follows at once, so that no packet need leave with this alone. */
  sendAll(fd: number, data: Uint8Array, more: number): void;
  /** Sends bytes of a file without reading them; gives how many there were. */
  sendFile(fd: number, file: number, position: number, length: number): number;
}

/** The same calls, waiting: for workers and boot, never on the daemon's event loop. */
export type Synchronous<Calls> = {
  [K in keyof Calls]: Calls[K] extends (...args: infer A) => Promise<infer R> ? (...args: A) => R : never;
};

/** The door to the kernel. */
export interface Native extends FastCalls, BlockingCalls, PeerCalls {
  readonly waiting: Synchronous<BlockingCalls>;
}
