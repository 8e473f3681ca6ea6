import { readdirSync, readFileSync } from "node:fs";
import type {
  AuthConfig,
  AuthResponse,
  ContainersBackend,
  EventMessage,
  ImagesBackend,
  SystemBackend,
  SystemInfo,
  SystemVersion,
} from "../api/index.ts";
import type { EventBus } from "../events/index.ts";
import type { EngineMetrics } from "../metrics/index.ts";
import type { CgroupFacts } from "../runtime/index.ts";
import type { VolumeService } from "../volume/index.ts";
import { readAppArmor } from "./apparmor.ts";
import { addressPools } from "./configure.ts";
import { readHostFacts } from "./host-facts.ts";
import type { DaemonConfig } from "./options.ts";
import { API_VERSION, GIT_COMMIT, MIN_API_VERSION, VERSION } from "./version.ts";

export interface SystemParts {
  /** Stable over restarts. */
  id: string;
  config: () => DaemonConfig;
  containers: Pick<ContainersBackend, "list">;
  images: Pick<ImagesBackend, "list">;
  volumes: Pick<VolumeService, "listWithUsage">;
  events: EventBus;
  metrics: EngineMetrics;
  storage: { driver: string; status: string[][] };
  cgroups: CgroupFacts;
  /** Containers have user namespaces. */
  userns: boolean;
  runtimes: () => Record<string, string>;
  logDrivers: string[];
  login: (auth: AuthConfig) => Promise<AuthResponse>;
}

const NO_FILTERS = new Map<string, readonly string[]>();

/** /version, /info, /events, /system/df and /auth. */
export function createSystemBackend(parts: SystemParts): SystemBackend {
  const host = readHostFacts();
  return {
    version: () => Promise.resolve(versionOf(host.kernel, host.goArch)),
    info: () => parts.metrics.hostInfo.time("system_info", () => info(parts)),
    events: (query, call): Promise<AsyncIterable<EventMessage>> =>
      Promise.resolve(parts.events.subscribe({ ...query, signal: call.signal })),
    diskUsage: (types) => diskUsage(parts, types),
    auth: (body) => parts.login(body),
  };
}

function versionOf(kernel: string, goArch: string): SystemVersion {
  return {
    Platform: { Name: "berth" },
    Components: [
      {
        Name: "Engine",
        Version: VERSION,
        Details: {
          ApiVersion: API_VERSION,
          Arch: goArch,
          Experimental: "false",
          GitCommit: GIT_COMMIT,
          KernelVersion: kernel,
          MinAPIVersion: MIN_API_VERSION,
          Os: "linux",
        },
      },
    ],
    Version: VERSION,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: GIT_COMMIT,
    // The field is demanded by clients; it names what the engine is written in.
    GoVersion: "none",
    Os: "linux",
    Arch: goArch,
    KernelVersion: kernel,
    BuildTime: "",
  };
}

async function info(parts: SystemParts): Promise<SystemInfo> {
  const config = parts.config();
  const host = readHostFacts(parts.metrics.hostInfo);
  const { cgroups } = parts;
  const [containers, images] = await Promise.all([
    parts.containers.list({ all: true, limit: undefined, size: false, filters: NO_FILTERS }),
    parts.images.list({ all: false, filters: NO_FILTERS, sharedSize: false, manifests: false }),
  ]);
  const pools = addressPools(config).map(({ base, size }) => ({ Base: base, Size: size }));
  // Clients of API 1.51 read it; the document is of a later version, which lost it.
  const older = { KernelMemoryTCP: cgroups.kernelMemoryTcp };
  const inState = (...states: string[]) => containers.filter((each) => states.includes(each.State ?? "")).length;
  const running = inState("running", "restarting");
  const paused = inState("paused");
  return {
    ...older,
    ID: parts.id,
    Containers: containers.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: containers.length - running - paused,
    Images: images.length,
    Driver: parts.storage.driver,
    DriverStatus: parts.storage.status,
    DockerRootDir: config["data-root"],
    Plugins: { Volume: ["local"], Network: ["bridge", "host", "null"], Authorization: [], Log: parts.logDrivers },
    MemoryLimit: cgroups.memoryLimit,
    SwapLimit: cgroups.swapLimit,
    CpuCfsPeriod: cgroups.cpuCfs,
    CpuCfsQuota: cgroups.cpuCfs,
    CPUShares: cgroups.cpuShares,
    CPUSet: cgroups.cpuset,
    PidsLimit: cgroups.pidsLimit,
    OomKillDisable: cgroups.oomKillDisable,
    IPv4Forwarding: readFileSync("/proc/sys/net/ipv4/ip_forward", "utf8").startsWith("1"),
    Debug: config.debug,
    NFd: readdirSync("/proc/self/fd").length,
    NGoroutines: readdirSync("/proc/self/task").length,
    SystemTime: new Date().toISOString(),
    LoggingDriver: config["log-driver"],
    CgroupDriver: cgroups.driver,
    CgroupVersion: cgroups.version === 2 ? "2" : "1",
    NEventsListener: parts.events.subscribers,
    KernelVersion: host.kernel,
    OperatingSystem: host.operatingSystem,
    OSVersion: host.osVersion,
    OSType: "linux",
    Architecture: host.machine,
    NCPU: host.cpus,
    MemTotal: host.memory,
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: registryConfig(config),
    GenericResources: [],
    HttpProxy: "",
    HttpsProxy: "",
    NoProxy: "",
    Name: host.name,
    Labels: config.label,
    ExperimentalBuild: config.experimental,
    ServerVersion: VERSION,
    Runtimes: Object.fromEntries(Object.entries(parts.runtimes()).map(([name, path]) => [name, { path }])),
    DefaultRuntime: config["default-runtime"],
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: config["live-restore"],
    Isolation: "",
    InitBinary: "docker-init",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: "" },
    InitCommit: { ID: "" },
    SecurityOptions: [
      ...(readAppArmor() === undefined ? [] : ["name=apparmor"]),
      `name=seccomp,profile=${config["seccomp-profile"]}`,
      ...(parts.userns ? ["name=userns"] : []),
      ...cgroupnsOption(config, cgroups.version),
    ],
    FirewallBackend: { Driver: "nftables" },
    ...(pools.length > 0 ? { DefaultAddressPools: pools } : {}),
    Warnings: warningsOf(cgroups),
  };
}

/** What `docker info` warns of: limits that would have no effect here. */
function warningsOf(cgroups: CgroupFacts): string[] {
  const lacking: Array<[boolean, string]> = [
    [cgroups.memoryLimit, "memory limit"],
    [cgroups.swapLimit, "swap limit"],
    [cgroups.cpuCfs, "cpu cfs quota"],
    [cgroups.cpuShares, "cpu shares"],
    [cgroups.cpuset, "cpuset"],
    [cgroups.pidsLimit, "pids limit"],
    [cgroups.blkioWeight, "blkio weight"],
  ];
  return lacking.filter(([there]) => !there).map(([, what]) => `WARNING: No ${what} support`);
}

function cgroupnsOption(config: DaemonConfig, version: 1 | 2): string[] {
  const mode = config["default-cgroupns-mode"] || (version === 2 ? "private" : "host");
  return mode === "private" ? ["name=cgroupns"] : [];
}

function registryConfig(config: DaemonConfig): NonNullable<SystemInfo["RegistryConfig"]> {
  const insecure = config["insecure-registry"];
  const named = insecure.filter((entry) => !entry.includes("/"));
  const mirrors = config["registry-mirror"];
  return {
    InsecureRegistryCIDRs: ["::1/128", "127.0.0.0/8", ...insecure.filter((entry) => entry.includes("/"))],
    IndexConfigs: {
      "docker.io": { Name: "docker.io", Mirrors: mirrors, Secure: true, Official: true },
      ...Object.fromEntries(named.map((name) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }])),
    },
    Mirrors: mirrors,
  };
}

/** `docker system df`, in the shape that clients below API 1.52 read. An empty set of types means all. */
async function diskUsage(parts: SystemParts, types: ReadonlySet<string>): Promise<Record<string, unknown>> {
  const wanted = (type: string) => types.size === 0 || types.has(type);
  const usage: Record<string, unknown> = {};
  if (wanted("image")) {
    usage["Images"] = await parts.images.list({ all: false, filters: NO_FILTERS, sharedSize: true, manifests: false });
    usage["LayersSize"] = layersSize(usage["Images"]);
  }
  if (wanted("container")) {
    usage["Containers"] = await parts.containers.list({ all: true, limit: undefined, size: true, filters: NO_FILTERS });
  }
  if (wanted("volume")) usage["Volumes"] = (await parts.volumes.listWithUsage()).Volumes ?? [];
  if (wanted("build-cache")) usage["BuildCache"] = [];
  return usage;
}

/** Bytes of all layers: each image's own plus, once, what images share. */
function layersSize(images: unknown): number {
  const rows = Array.isArray(images) ? images : [];
  const own = rows.reduce((sum: number, row: { Size?: number; SharedSize?: number }) => {
    return sum + (row.Size ?? 0) - Math.max(0, row.SharedSize ?? 0);
  }, 0);
  const shared = rows.reduce((most: number, row: { SharedSize?: number }) => Math.max(most, row.SharedSize ?? 0), 0);
  return own + shared;
}
