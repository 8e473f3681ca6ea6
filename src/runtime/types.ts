import type { StdioStream } from "../api/index.ts";
import type { ContainerId } from "../base/index.ts";
import type { RootfsMount } from "../snapshot/index.ts";
import type { LinuxResources, ProcessSpec, RuntimeSpec } from "../spec/index.ts";

/**
 * Processes of containers. A task is one run of a container: made (`create`: shim, cgroup, namespaces and mounts are
 * there, PID 1 waits before its exec), started, exited, acknowledged (`release`). What a task owns lives in its shim and
 * survives the daemon; `recover` finds it again.
 *
 *     create ─▶ created ─start─▶ running ─▶ exited ─release─▶ gone
 *                  └────────── release ───────▲ (kills what is left)
 */
export interface Runtime {
  /** @throws invalid/not-found… with Docker's text and `exitCode` 125, 126 or 127 (see `LaunchError`). Leaves nothing behind. */
  create(request: TaskRequest, signal: AbortSignal): Promise<Task>;
  /**
   * After a daemon restart: the task of this container, running or exited with its record; undefined when there is
   * nothing (host reboot, never started). A shim that died without a record gives an exit of 137, `supervisorLost`.
   */
  recover(id: ContainerId): Promise<Task | undefined>;
  /** Ends what belongs to no container any more: shims, cgroups, run directories. Called once at boot. */
  sweep(known: ReadonlySet<ContainerId>): Promise<void>;
  /** Names for `--runtime` and `info`: the built-in `berth` (also reached as `runc` is configured or not) and others. */
  readonly names: string[];
}

export interface TaskRequest {
  id: ContainerId;
  spec: RuntimeSpec;
  rootfs: RootfsMount;
  /** Which runtime of the configuration; undefined: the built-in one. */
  runtime: string | undefined;
  stdin: { open: boolean; once: boolean };
  /** The shim's own log file; undefined: `none`. */
  log: LogFile | undefined;
}

export interface LogFile {
  path: string;
  /** Bytes before rotation; 0: never. */
  maxSize: number;
  maxFiles: number;
  /** Kept with each entry, for `logs --details`. */
  attributes?: Readonly<Record<string, string>>;
  /** No file is rotated away before its sticky bit says that it was delivered: output waits instead. */
  holds?: boolean;
}

export interface KillOptions {
  /** Not PID 1 alone, but whatever is in the cgroup. */
  all?: boolean;
  /** Called when PID 1 has the signal, before its end can be known. */
  sent?: () => void;
}

export interface Task {
  readonly id: ContainerId;
  /** PID 1 in the host's pid namespace; 0 once it exited. */
  readonly pid: number;
  /** Path that other containers and the network layer join, such as /proc/PID/ns/net. */
  namespacePath(kind: "net" | "pid" | "ipc" | "uts" | "user" | "cgroup" | "mnt"): string;
  /** Lets PID 1 exec. @throws LaunchError when the command cannot be run (127, 126). */
  start(): Promise<void>;
  /** Settles once, when PID 1 has exited and its output has drained. Never rejects. */
  readonly exited: Promise<ExitRecord>;
  /** It has been out of memory: the kernel killed one of its processes, or lets it wait for more. */
  readonly outOfMemory: boolean;
  /** Called each time that it runs out of memory. */
  onOutOfMemory: () => void;
  kill(signal: number, options?: KillOptions): Promise<void>;
  /**
   * Holds a port of the host until `releasePorts` or the task's end, whatever becomes of the daemon. Gives where the
   * socket is: a process, and its descriptor there.
   * @param listens a TCP socket takes connections, which wait until a relay accepts them.
   * @throws an error whose `code` is EADDRINUSE, EADDRNOTAVAIL, EACCES…
   */
  holdPort(
    address: Uint8Array,
    protocol: number,
    port: number,
    listens: boolean,
  ): Promise<{ pid: number; descriptor: number }>;
  /** Lets go of ports, by their descriptors; undefined: of all. Those of a task that is over are free already. */
  releasePorts(descriptors: readonly number[] | undefined): Promise<void>;
  resize(size: { height: number; width: number }): Promise<void>;
  attach(options: { stdin: boolean; stdout: boolean; stderr: boolean; detachKeys: Uint8Array }): Promise<StdioStream>;
  exec(request: ExecRequest): Promise<ExecTask>;
  pause(): Promise<void>;
  /** Thaws what is frozen; nothing of a task that has ended. */
  resume(): Promise<void>;
  /** @throws invalid with the kernel's reason; what was written is put back. */
  update(resources: LinuxResources): Promise<void>;
  stats(): Promise<CgroupStats>;
  /** Host pids of every process in the container's cgroup. */
  pids(): Promise<number[]>;
  /**
   * The part of `release` that others may see: no process, mount or port of it is left. Of one that runs, its end.
   * Idempotent.
   */
  end(): Promise<void>;
  /** Acknowledges the exit and removes shim, cgroup and run directory; kills what still runs. Idempotent. */
  release(): Promise<void>;
}

export interface ExecRequest {
  /** 64 hex digits. */
  execId: string;
  process: ProcessSpec;
  privileged: boolean;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  detachKeys: Uint8Array;
}

export interface ExecTask {
  readonly pid: number;
  /** The attached client's stdio; undefined when nothing was asked for. */
  readonly stdio: StdioStream | undefined;
  /** Exit code; settles once output has drained, at most 2 s after the exit. Never rejects. */
  readonly exited: Promise<number>;
  resize(size: { height: number; width: number }): Promise<void>;
}

export interface ExitRecord {
  /** 0–255; 128 + signal when killed. */
  code: number;
  /** Nanoseconds since 1970. */
  at: bigint;
  /** It was out of memory, whether or not that was its end. */
  oomKilled: boolean;
  /** The shim died without an exit record. */
  supervisorLost: boolean;
}

export interface CgroupStats {
  readAt: bigint;
  cpu: {
    totalNanos: number;
    userNanos: number;
    systemNanos: number;
    perCpuNanos: number[];
    periods: number;
    throttledPeriods: number;
    throttledNanos: number;
  };
  memory: { usage: number; limit: number; maxUsage: number; failures: number; stats: Record<string, number> };
  pids: { current: number; limit: number };
  blockIo: Array<{ major: number; minor: number; op: "read" | "write"; bytes: number; operations: number }>;
}
