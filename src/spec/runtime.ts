/** The OCI runtime specification (config.md, config-linux.md): the part that berth makes and other runtimes read. */

export interface RuntimeSpec {
  ociVersion: string;
  hostname?: string;
  domainname?: string;
  process: ProcessSpec;
  root: { path: string; readonly: boolean };
  mounts: MountSpec[];
  annotations?: Record<string, string>;
  linux: LinuxSpec;
}

export interface ProcessSpec {
  terminal: boolean;
  consoleSize?: { height: number; width: number };
  user: { uid: number; gid: number; additionalGids: number[]; umask?: number };
  args: string[];
  env: string[];
  cwd: string;
  capabilities: CapabilitySets;
  rlimits: Rlimit[];
  noNewPrivileges: boolean;
  oomScoreAdj?: number;
  apparmorProfile?: string;
}

export interface CapabilitySets {
  bounding: string[];
  effective: string[];
  permitted: string[];
  inheritable: string[];
  ambient: string[];
}

export interface Rlimit {
  type: string;
  soft: number;
  hard: number;
}

export interface MountSpec {
  destination: string;
  type: string;
  source: string;
  options: string[];
  /** Not in the OCI spec: the directories of a read-only overlay, the uppermost first, which `options` name as well. */
  layers?: readonly string[];
  /** Not in the OCI spec: a directory above `source` that links on the way to it may not leave (a volume's subpath). */
  beneath?: string;
}

export type NamespaceKind = "pid" | "network" | "ipc" | "uts" | "mount" | "user" | "cgroup";

export interface LinuxSpec {
  /** `path` absent: a new namespace. A kind that is not listed is shared with the host. */
  namespaces: Array<{ type: NamespaceKind; path?: string }>;
  uidMappings?: IdMapping[];
  gidMappings?: IdMapping[];
  devices: DeviceSpec[];
  cgroupsPath: string;
  resources: LinuxResources;
  sysctl: Record<string, string>;
  maskedPaths: string[];
  readonlyPaths: string[];
  seccomp?: SeccompSpec;
  rootfsPropagation?: string;
}

export interface IdMapping {
  containerID: number;
  hostID: number;
  size: number;
}

export interface DeviceSpec {
  type: "c" | "b" | "p";
  path: string;
  major: number;
  minor: number;
  fileMode: number;
  uid: number;
  gid: number;
}

export interface DeviceRule {
  allow: boolean;
  type?: "a" | "c" | "b";
  major?: number;
  minor?: number;
  access: string;
}

export interface LinuxResources {
  devices: DeviceRule[];
  memory?: {
    limit?: number;
    reservation?: number;
    swap?: number;
    kernel?: number;
    swappiness?: number;
    disableOOMKiller?: boolean;
  };
  cpu?: {
    shares?: number;
    quota?: number;
    period?: number;
    realtimeRuntime?: number;
    realtimePeriod?: number;
    cpus?: string;
    mems?: string;
  };
  pids?: { limit: number };
  blockIO?: {
    weight?: number;
    weightDevice?: Array<{ major: number; minor: number; weight: number }>;
    throttleReadBpsDevice?: ThrottleRule[];
    throttleWriteBpsDevice?: ThrottleRule[];
    throttleReadIOPSDevice?: ThrottleRule[];
    throttleWriteIOPSDevice?: ThrottleRule[];
  };
  hugepageLimits?: Array<{ pageSize: string; limit: number }>;
}

export interface ThrottleRule {
  major: number;
  minor: number;
  rate: number;
}

export interface SeccompSpec {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  /** `SECCOMP_FILTER_FLAG_…`; absent: SPEC_ALLOW alone, as runc does. */
  flags?: string[];
  syscalls: SeccompRule[];
}

export interface SeccompRule {
  names: string[];
  action: string;
  errnoRet?: number;
  args?: Array<{ index: number; value: number; valueTwo?: number; op: string }>;
}
