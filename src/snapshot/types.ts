/**
 * Stacked file systems behind one contract.
 *
 *     prepare(key, parent) ──▶ active ──commit(name)──▶ committed (read-only, may be a parent)
 *            │                   │
 *            └──── remove ◀──────┘          view(key, parent): active, but read-only
 *
 * Names of committed snapshots are chain ids (`sha256:…`); keys of active ones are chosen by the caller. Every verb is
 * crash safe: what was half made by a killed process is removed by `sweep` at boot. The work runs off the event loop.
 */
export interface Snapshotter extends AsyncDisposable {
  readonly driver: "overlay2" | "vfs";
  /**
   * True when a layer need not know its parent before `commit`, which then names it: the layers of one image unpack at
   * once. The overlay driver can; one that copies the parent cannot.
   */
  readonly parentMayComeLater?: boolean;
  /** An empty writable snapshot over `parent` (undefined: over nothing). @throws not-found, conflict. */
  prepare(key: string, parent: string | undefined): Promise<Snapshot>;
  /** The writable top of an active snapshot as a host directory to unpack a layer into (whiteouts in driver form). */
  unpackTarget(key: string): Promise<UnpackTarget>;
  /** The host directory that the layer of a committed snapshot was unpacked in, for readers. @throws not-found. */
  unpacked(name: string): string;
  /**
   * Makes an active snapshot the committed `name`.
   * @param parent for one that was prepared over nothing, where `parentMayComeLater`: what it stands on from now on.
   * @throws conflict when the name exists (the key is left), not-found for the parent.
   */
  commit(key: string, name: string, parent?: string): Promise<void>;
  /** Gives the committed `name` the content of an active snapshot, at once, and this one the other's. @throws not-found. */
  exchange(key: string, name: string): void;
  /** Returns when all that was written before is on the disk. */
  sync(): Promise<void>;
  /** @throws not-found; conflict while it has children. */
  remove(keyOrName: string): Promise<void>;
  /**
   * What the runtime mounts for an active or committed one.
   * @param use `volatile`: an active one whose content is removed in any case should the machine go down. It must not
   *   be mounted, and may have been before.
   */
  mounts(keyOrName: string, use?: { volatile: boolean }): Promise<RootfsMount>;
  /** What the writable top adds: bytes and inodes. */
  usage(keyOrName: string): Promise<{ bytes: number; inodes: number }>;
  /** The changes of the top against its parent (for diff and commit). Paths absolute within the rootfs, sorted. */
  changes(key: string): Promise<SnapshotChange[]>;
  /** The same as a layer tar, with whiteouts for what is deleted. */
  diff(key: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * The whole tree as a directory of this host while `work` runs, by a mount that stands in no mount table: for cp,
   * export and volumes' content when no container has it mounted. Writable for an active snapshot, one after another: two
   * writable mounts of one directory would take each other's work directory away.
   */
  withMerged<T>(
    keyOrName: string,
    work: (directory: { fd: number; path: string }) => Promise<T>,
    use?: { readOnly: boolean },
  ): Promise<T>;
  has(keyOrName: string): boolean;
  list(): SnapshotRow[];
  /** For inspect's GraphDriver. */
  graphDriver(keyOrName: string): { Name: string; Data: Record<string, string> };
  /** Removes directories without rows and rows without directories. Called once at boot. */
  sweep(): Promise<void>;
}

export interface Snapshot {
  key: string;
  parent: string | undefined;
}

export interface SnapshotRow extends Snapshot {
  kind: "active" | "committed";
}

export interface UnpackTarget {
  directory: string;
  /** How the archive layer writes whiteouts: overlay's 0/0 devices and opaque xattrs, or removal from the merged tree. */
  whiteouts: "overlay" | "apply";
}

export interface SnapshotChange {
  path: string;
  kind: "modified" | "added" | "deleted";
  /** False of a directory that only what is in it has changed. */
  itself: boolean;
}

/** A part of what lies beneath every active snapshot's layers. Folders above it are made. */
export type BaseEntry =
  | { readonly kind: "directory" | "file"; readonly path: string }
  | { readonly kind: "link"; readonly path: string; readonly target: string };

/** A rootfs as the launch plan needs it. */
export type RootfsMount =
  | {
      type: "overlay";
      lower: string[]; // top first
      upper: string | undefined;
      work: string | undefined;
      /** Nothing in it need outlive the machine: neither fsync nor the unmount write to the disk. */
      volatile?: boolean;
    }
  | { type: "bind"; source: string; readOnly: boolean };
