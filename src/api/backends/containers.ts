import type {
  ContainerConfig,
  ContainerCreateResponse,
  ContainerInspectResponse,
  ContainerStatsResponse,
  ContainerSummary,
  ContainerTopResponse,
  ContainerUpdateResponse,
  FilesystemChange,
  HostConfig,
  NetworkingConfig,
  Resources,
  RestartPolicy,
} from "../generated/types.ts";
import type { CallContext, Filters, LogStream, StdioStream } from "./streams.ts";

export type ContainerCreateBody = ContainerConfig & { HostConfig?: HostConfig; NetworkingConfig?: NetworkingConfig };
export type ContainerUpdateBody = Resources & { RestartPolicy?: RestartPolicy };

export interface ContainerListQuery {
  all: boolean;
  limit: number | undefined;
  size: boolean;
  filters: Filters;
}

export interface LogsQuery {
  follow: boolean;
  stdout: boolean;
  stderr: boolean;
  /** Nanoseconds since 1970, or undefined. */
  since: bigint | undefined;
  until: bigint | undefined;
  timestamps: boolean;
  details: boolean;
  /** Number of last lines, or all. */
  tail: number | "all";
}

export interface AttachQuery {
  /** Replay what was logged before streaming. */
  logs: boolean;
  stream: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: string | undefined;
}

export type WaitCondition = "not-running" | "next-exit" | "removed";
export interface WaitResult {
  statusCode: number;
  error?: string;
}

/** What GET/HEAD archive tell about the path (wire.md §5 cp). */
export interface PathStat {
  name: string;
  size: number;
  /** Go's os.FileMode bits. */
  mode: number;
  /** RFC 3339. */
  mtime: string;
  linkTarget: string;
}

/**
 * Everything under /containers. `ref` is a name, full id or unambiguous prefix; each call resolves it and throws
 * not-found `No such container: REF` or invalid `Multiple IDs found with provided prefix: REF`.
 */
export interface ContainersBackend {
  list(query: ContainerListQuery): Promise<ContainerSummary[]>;
  create(
    request: { name: string | undefined; platform: string | undefined; body: ContainerCreateBody },
    call: CallContext,
  ): Promise<ContainerCreateResponse>;
  inspect(ref: string, options: { size: boolean }): Promise<ContainerInspectResponse>;
  /** @throws not-modified when it runs already. */
  start(ref: string, call: CallContext): Promise<void>;
  /** @throws not-modified when it does not run. `timeout` in seconds, negative waits for ever. */
  stop(
    ref: string,
    options: { signal: string | undefined; timeout: number | undefined },
    call: CallContext,
  ): Promise<void>;
  restart(
    ref: string,
    options: { signal: string | undefined; timeout: number | undefined },
    call: CallContext,
  ): Promise<void>;
  kill(ref: string, signal: string | undefined): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  rename(ref: string, newName: string): Promise<void>;
  update(ref: string, body: ContainerUpdateBody): Promise<ContainerUpdateResponse>;
  resize(ref: string, size: { height: number; width: number }): Promise<void>;
  remove(ref: string, options: { force: boolean; volumes: boolean; link: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ ContainersDeleted: string[]; SpaceReclaimed: number }>;
  /** Resolves the container at once, so that the edge can send headers before the result is there. */
  wait(ref: string, condition: WaitCondition, call: CallContext): Promise<{ result: Promise<WaitResult> }>;
  attach(ref: string, query: AttachQuery, call: CallContext): Promise<StdioStream>;
  logs(ref: string, query: LogsQuery, call: CallContext): Promise<LogStream>;
  top(ref: string, psArgs: string | undefined): Promise<ContainerTopResponse>;
  /** One object a second while `stream`; else one, with a sample before it unless `oneShot`. */
  stats(
    ref: string,
    options: { stream: boolean; oneShot: boolean },
    call: CallContext,
  ): Promise<AsyncIterable<ContainerStatsResponse>>;
  changes(ref: string): Promise<FilesystemChange[]>;
  export(ref: string, call: CallContext): Promise<AsyncIterable<Uint8Array>>;
  archiveStat(ref: string, path: string): Promise<PathStat>;
  archiveGet(
    ref: string,
    path: string,
    call: CallContext,
  ): Promise<{ stat: PathStat; body: AsyncIterable<Uint8Array> }>;
  archivePut(
    ref: string,
    path: string,
    options: { noOverwriteDirNonDir: boolean; copyUidGid: boolean },
    body: AsyncIterable<Uint8Array>,
    call: CallContext,
  ): Promise<void>;
  /** POST /commit: a new image from a container; gives its id. */
  commit(
    ref: string,
    options: {
      repo: string | undefined;
      tag: string | undefined;
      comment: string | undefined;
      author: string | undefined;
      pause: boolean;
      changes: string[];
      config: ContainerConfig | undefined;
    },
    call: CallContext,
  ): Promise<{ Id: string }>;
}
