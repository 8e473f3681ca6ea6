import type { AppArmorFacts } from "./apparmor.ts";
import type { Archiver } from "../archive/index.ts";
import type { ContainersBackend, EndpointSettings, ExecBackend, NetworksBackend } from "../api/index.ts";
import type { ContainerId, Logger } from "../base/index.ts";
import type { EventBus } from "../events/index.ts";
import type { ImageStore, ImageUsers } from "../image/index.ts";
import type { LogDriver, LogService } from "../logging/index.ts";
import type { EngineMetrics } from "../metrics/index.ts";
import type { NetworkService } from "../network/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { RootfsMount, Snapshotter } from "../snapshot/index.ts";
import type { IdMappings, SeccompSpec } from "../spec/index.ts";
import type { Store } from "../store/index.ts";
import type { BlockingCalls, Native } from "../sys/index.ts";
import type { VolumeService } from "../volume/index.ts";

/** What the container layer is made of; each member is owned by the caller. */
export interface ContainerDependencies {
  /** Folder of the containers' own files (logs, hosts, resolv.conf), one sub folder an id. */
  root: string;
  /** On another file system: what must be noted while the data root is read-only. */
  execRoot: string;
  store: Store;
  events: EventBus;
  images: ImageStore;
  snapshotter: Snapshotter;
  runtime: Runtime;
  networks: NetworkService;
  volumes: VolumeService;
  logDrivers: ReadonlyMap<string, LogDriver>;
  /** Delivers logs to receivers and compresses rotated ones. */
  logs: LogService;
  archiver: Archiver;
  calls: Pick<BlockingCalls, "fileSteps"> & Pick<Native, "lgetxattr">;
  users: UserResolver;
  seccomp: SeccompProfiles;
  /** Root file systems that no container has mounted: for export. */
  rootfsViews: RootfsViews;
  host: HostFacts;
  metrics: EngineMetrics;
  logger: Logger;
  config: ContainerConfiguration;
  clock?: Clock;
}

/** Daemon options that concern containers: read at each use, since some change while the daemon runs. */
export interface ContainerConfiguration {
  /** Name shown when a container asks for no runtime. */
  defaultRuntime: string;
  defaultShmSize: number;
  defaultUlimits: Record<string, { soft: number; hard: number }>;
  logDriver: string;
  logOptions: Record<string, string>;
  /** With systemd, `cgroupParent` and what containers ask for are names of slices. */
  cgroupDriver: "cgroupfs" | "systemd";
  cgroupParent: string;
  /** What `private` means by default: host on cgroup v1, private on v2. */
  cgroupnsMode: "host" | "private";
  ipcMode: "private" | "shareable";
  noNewPrivileges: boolean;
  /** Seconds between the stop signal and SIGKILL when the container names none. */
  stopTimeout: number;
  /** The profile of containers that name none; undefined: the built-in one. */
  seccompProfile: string | undefined;
  /** `--userns-remap`: what the ids of containers are on the host; undefined: they are the host's. */
  userns: IdMappings | undefined;
  /** Containers that do not say have an init as PID 1. */
  init: boolean;
  /** The init program on the host. */
  initPath: string;
}

/** What this machine is, read once at boot by the daemon. */
export interface HostFacts {
  cpus: number;
  cgroupVersion: 1 | 2;
  /** `0-3,5`: processors and memory nodes that a cpuset may name. */
  cpusetCpus: string;
  cpusetMems: string;
  /** Bytes of memory and of swap accounting support. */
  memoryTotal: number;
  swapLimit: boolean;
  /** The kernel has weights for block devices (BFQ or the cost controller). */
  blockIoWeight: boolean;
  /** The kernel divides real-time scheduling among cgroups. */
  cpuRealtime: boolean;
  /** Docker's platform words, such as amd64. */
  architecture: string;
  /** Capabilities that this kernel knows. */
  capabilities: readonly string[];
  apparmor: AppArmorFacts | undefined;
}

/** Finds users and groups in the files of a root file system, never through its own programs or libraries. */
export interface UserResolver {
  /**
   * @param rootfs mounted or not; of a running container `/proc/PID/root` as a bind.
   * @throws invalid `unable to find user x: no matching entries in passwd file` and the like.
   */
  resolve(
    rootfs: RootfsMount,
    user: string,
    groups: readonly string[],
  ): { uid: number; gid: number; additionalGids: number[]; home: string };
}

/** Seccomp profiles for a bounding set; undefined when a profile says nothing. */
export interface SeccompProfiles {
  builtin(capabilities: readonly string[]): SeccompSpec | undefined;
  /** @throws unknown with Docker's text when `profile` is none. */
  parse(profile: string, capabilities: readonly string[]): SeccompSpec | undefined;
}

export interface RootfsViews {
  /** Opens the merged tree; `fd` stays usable until dispose. */
  open(mount: RootfsMount): Promise<{ fd: number } & AsyncDisposable>;
}

/** Time, so that tests can drive it. */
export interface Clock {
  /** Runs `work` after so many milliseconds; the handle cancels. */
  after(milliseconds: number, work: () => void): Disposable;
  now(): bigint;
}

/** Networks of containers: what `POST /networks/{id}/connect` and `disconnect` need of the container layer. */
export type NetworkConnections = Pick<NetworksBackend, "connect" | "disconnect">;

export interface ContainerService {
  readonly containers: ContainersBackend;
  readonly execs: ExecBackend;
  readonly imageUsers: ImageUsers;
  readonly connections: NetworkConnections;
  /** For network inspect and prune: who is on which network, running or not. */
  endpointsOf(id: ContainerId): Record<string, EndpointSettings> | undefined;
  /** How many containers are in which state, for `info`. */
  counts(): { total: number; running: number; paused: number; stopped: number };
  /**
   * Reads back what runs, after a daemon restart. Called once, before the API is served.
   * @param options.restarts false: starts nothing by its policy, now or later, since all is to be stopped.
   */
  recover(options?: { restarts: boolean }): Promise<void>;
  /** Stops every container with its own timeout, or this one (seconds) when it has none; they start again at boot. */
  stopAll(timeout: number): Promise<void>;
  /** Stops watching; containers run on. */
  shutdown(): Promise<void>;
}
