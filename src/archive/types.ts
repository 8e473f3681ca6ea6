import type { Digest } from "../base/index.ts";
import type { IdMappings } from "../spec/index.ts";

/**
 * Bytes as a string with one character (0–255) a byte, as `latin1` gives them: file names of archives and file systems
 * have no encoding, and none may be invented for them.
 */
export type ByteString = string;

/** A directory by path, or by a descriptor that the caller keeps open until the call has ended. */
export type DirectoryRef = { path: string } | { fd: number };

/** Bytes of an archive: a stream, or a region of a file that the worker reads by itself (faster). */
export type ArchiveSource = AsyncIterable<Uint8Array> | { file: string; offset?: number; length?: number };

export interface UnpackRequest {
  /** Plain, gzip, zstd, bzip2 or xz: found by its first bytes. */
  source: ArchiveSource;
  /** An existing directory; nothing is ever written outside of it. */
  target: DirectoryRef;
  /**
   * `overlay`: whiteouts become 0/0 devices and opaque xattrs. `apply`: whiteouts remove what is there.
   * `keep`: names that look like whiteouts are ordinary files (cp, import).
   */
  whiteouts: "overlay" | "apply" | "keep";
  limits?: Partial<ArchiveLimits>;
  /** Owner of everything that is written, in place of the archive's own. */
  owner?: { uid: number; gid: number };
  /** The archive's owners are a container's: they are written as what these are on the host. */
  ids?: IdMappings | undefined;
  /** A file must not take a directory's place, nor a directory a file's (cp's noOverwriteDirNonDir). */
  noOverwriteDirNonDir?: boolean;
  /** The source's bytes are also written to this new file, unchanged, in the same pass. */
  copyTo?: string;
  /** A new file for the split of the tar: see `UnpackResult.split`. */
  splitTo?: string;
  /** Called with the source bytes read so far, some times a second. */
  onProgress?: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

export interface UnpackResult {
  /** Digest and size of the uncompressed tar. */
  diffId: Digest;
  size: number;
  /** Digest and size of the source as it came. */
  digest: Digest;
  sourceSize: number;
  entries: number;
  /**
   * Bytes of the files and links that were written, as `usage` counts those of a target that was empty. Undefined when
   * something was replaced meanwhile: then only a look at the tree can tell.
   */
  written: number | undefined;
  /**
   * What was written to `splitTo`: with the unpacked tree it gives the tar again (`Archiver.join`). Undefined when it was
   * not asked for, or when the tree does not hold every content of the tar; the file is of no use then.
   */
  split: SplitTar | undefined;
}

/** A tar without the contents of its files. */
export interface SplitTar {
  digest: Digest;
  size: number;
}

export interface JoinRequest {
  /** The file that `splitTo` named. */
  split: string;
  /** The directory that the tar was unpacked in. */
  root: DirectoryRef;
  /** Of the tar. */
  diffId: Digest;
  signal?: AbortSignal | undefined;
}

/** What a hostile archive can cost at most. */
export interface ArchiveLimits {
  /** Uncompressed bytes, headers included. */
  maxBytes: number;
  maxEntries: number;
}

export interface PackRequest {
  /** Nothing outside of it is read: no link is followed. */
  root: DirectoryRef;
  /** Only these, each relative to the root (default: everything). Directories are not walked: the list is whole. */
  paths?: readonly { path: string; deleted: boolean }[];
  /** `overlay`: 0/0 devices and opaque xattrs become `.wh.` entries (the diff of an upper directory). */
  whiteouts: "overlay" | "none";
  signal?: AbortSignal | undefined;
}

/** What GET and HEAD of a container's archive tell of a path; `mode` is Go's os.FileMode. */
export interface ArchivePathStat {
  name: string;
  size: number;
  mode: number;
  mtime: string;
  linkTarget: string;
}

export interface TreeChange {
  path: string;
  kind: "modified" | "added" | "deleted";
  /** A directory is modified by what is in it; this one is another itself: its mode or owner. */
  itself: boolean;
}

/**
 * Tar in and out of directories, always in worker threads and always by descriptors beneath the given root: what a
 * container or an archive puts into a tree (links, `..`, devices) never leads a read or write out of it.
 *
 * Sources that offer a loan of their connection (`wire`) are read by the worker, and what is given offers to be sent by it.
 *
 * Failures are EngineErrors: `invalid` for what is wrong with the archive, `no-space`, `cancelled`, `not-found`.
 */
export interface Archiver extends AsyncDisposable {
  unpack(request: UnpackRequest): Promise<UnpackResult>;
  /** The same for an archive that nobody needs a digest of. */
  extract(request: Omit<UnpackRequest, "copyTo" | "splitTo">): Promise<void>;
  /**
   * The tar that was unpacked, bit for bit, from its split and the tree.
   * @throws data-loss when they do not give it: at the latest at the end.
   */
  join(request: JoinRequest): AsyncIterable<Uint8Array>;
  /** The tree as a tar: sorted, exact owners, modes, times, xattrs, hard links; sockets are left out. */
  pack(request: PackRequest): AsyncIterable<Uint8Array>;

  /** `docker cp`: what the path within the rootfs is. Links are resolved within the rootfs. @throws not-found. */
  stat(root: DirectoryRef, path: string): Promise<ArchivePathStat>;
  /**
   * `docker cp` out of a rootfs: a tar rooted at the path's base name (`path/.`: its contents). `ids`: the tree has the
   * host's owners, the tar gets the container's.
   */
  get(
    root: DirectoryRef,
    path: string,
    options?: { ids?: IdMappings | undefined; signal?: AbortSignal | undefined },
  ): Promise<{ stat: ArchivePathStat; body: AsyncIterable<Uint8Array> }>;
  /** `docker cp` into the directory `path` of a rootfs. @throws invalid when it is no directory, not-found. */
  put(
    root: DirectoryRef,
    path: string,
    source: AsyncIterable<Uint8Array>,
    options: {
      noOverwriteDirNonDir: boolean;
      owner?: { uid: number; gid: number } | undefined;
      ids?: IdMappings | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<void>;

  /** Changes that an overlay upper directory makes to its lower ones (top first). */
  overlayChanges(upper: DirectoryRef, lowers: readonly DirectoryRef[]): Promise<TreeChange[]>;
  /** Changes between two whole trees. */
  treeChanges(before: DirectoryRef | undefined, after: DirectoryRef): Promise<TreeChange[]>;
  /** Copies the content of one directory into another: owners, modes, times, xattrs, hard links, devices, holes. */
  copyTree(from: DirectoryRef, to: DirectoryRef): Promise<void>;
  /**
   * The directory that `path` names within the root, copied into `to` as copyTree does; false when there is none.
   * `ids`: owners become what they are on the host.
   */
  copyWithin(root: DirectoryRef, path: string, to: DirectoryRef, ids?: IdMappings): Promise<boolean>;
  /** Removes a tree, also one with immutable modes or very deep; missing is fine. Left half done on abort. */
  removeTree(path: string, signal?: AbortSignal): Promise<void>;
  /** Returns when no archive is being unpacked, on abort, or after so many milliseconds: for work that nobody waits for. */
  lull(limitMs: number, signal?: AbortSignal): Promise<void>;
  /** Removes what is in a directory, which itself stays. */
  emptyDirectory(directory: DirectoryRef): Promise<void>;
  /** Apparent bytes of regular files (each inode once) and the number of inodes. */
  usage(root: DirectoryRef): Promise<{ bytes: number; inodes: number }>;
}
