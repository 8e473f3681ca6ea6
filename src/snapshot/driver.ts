import type { RootfsMount, SnapshotChange, UnpackTarget } from "./types.ts";

/** A snapshot's directory and those beneath it, nearest parent first. */
export interface Place {
  id: string;
  kind: "active" | "committed";
  ancestors: readonly string[];
}

/** How one kind of storage lays snapshots out on disk; the rows and rules are `StackedSnapshotter`'s. */
export interface StorageDriver {
  readonly name: "overlay2" | "vfs";
  /** The folder whose entries are snapshots by id. */
  readonly home: string;
  /** Makes the folders. Called before anything else. */
  open(): Promise<void>;
  /** Makes the directory of a new active snapshot; what a failure leaves is removed by the caller. */
  create(place: Place): Promise<void>;
  /** Notes the parents of a snapshot that was made without. Absent where a snapshot starts as a copy of its parent. */
  stackUpon?(place: Place): Promise<void>;
  /** Exchanges what two snapshots of the same parent have written. */
  exchange(one: Place, other: Place): void;
  /** Moves the directory into the trash folder, at once. Missing is fine. */
  discard(id: string, trash: string): Promise<void>;
  /** Deletes the directory of a snapshot in which nothing was written, quickly; false: there is something in it. */
  removeEmpty?(directory: string): Promise<boolean>;
  unpackTarget(place: Place): UnpackTarget;
  mount(place: Place): RootfsMount;
  /** The same, for one that is to be lost with the machine; takes away what an earlier such mount left. Absent: no difference. */
  mountVolatile?(place: Place): Promise<RootfsMount>;
  usage(place: Place): Promise<{ bytes: number; inodes: number }>;
  changes(place: Place): Promise<SnapshotChange[]>;
  diff(place: Place, signal: AbortSignal | undefined): AsyncIterable<Uint8Array>;
  graphData(place: Place): Record<string, string>;
  /** Ids that have a directory. */
  directories(): Promise<string[]>;
}
