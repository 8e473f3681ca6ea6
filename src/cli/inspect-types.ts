import { NIL, nilList, nilMap, Struct, type Text } from "../template/index.ts";
import { modesOf, policyMethods, portKey } from "./inspect-methods.ts";

/**
 * What Go's types have where JSON has nothing. Docker's command runs a template on its types first, in which every member
 * is there: a script may ask `{{if .State.Health}}` of a container without a health check.
 */
interface Shape {
  /** Members that JSON leaves out when they are empty, or has as null, by what they are then. */
  text?: string;
  number?: string;
  flag?: string;
  pointer?: string;
  list?: string;
  map?: string;
  /** Members that are sets: maps whose values say nothing. */
  set?: string;
  /** Go's type leaves out each member that is empty, whatever the engine has sent. */
  sparse?: boolean;
  /** Maps whose keys are ports. */
  ports?: string;
  /** Members, and what can be asked, that the type has beside what JSON says. */
  more?: (value: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
  inner?: Readonly<Record<string, Shape>>;
  /** Members that are lists or maps of this shape. */
  each?: Readonly<Record<string, Shape>>;
}

const HEALTHCHECK: Shape = {
  sparse: true,
  number: "Interval Timeout StartPeriod StartInterval Retries",
  list: "Test",
};

const PROCESS: Shape = {
  text: "Hostname Domainname User Image WorkingDir StopSignal MacAddress",
  flag: "AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce NetworkDisabled ArgsEscaped",
  pointer: "Healthcheck StopTimeout",
  list: "Env Cmd Entrypoint OnBuild Shell",
  map: "Labels",
  set: "ExposedPorts Volumes",
  ports: "ExposedPorts",
  inner: { Healthcheck: HEALTHCHECK },
};

const HOST: Shape = {
  text: "ContainerIDFile VolumeDriver Runtime CgroupParent CpusetCpus CpusetMems",
  number:
    "OomScoreAdj ShmSize CpuShares Memory NanoCpus BlkioWeight CpuPeriod CpuQuota CpuRealtimePeriod CpuRealtimeRuntime " +
    "KernelMemory KernelMemoryTCP MemoryReservation MemorySwap CpuCount CpuPercent IOMaximumIOps IOMaximumBandwidth",
  flag: "AutoRemove Privileged PublishAllPorts ReadonlyRootfs",
  pointer: "Init PidsLimit OomKillDisable MemorySwappiness",
  list:
    "Binds VolumesFrom Mounts CapAdd CapDrop Dns DnsOptions DnsSearch ExtraHosts GroupAdd Links SecurityOpt Devices " +
    "DeviceCgroupRules DeviceRequests Ulimits BlkioWeightDevice BlkioDeviceReadBps BlkioDeviceWriteBps BlkioDeviceReadIOps " +
    "BlkioDeviceWriteIOps MaskedPaths ReadonlyPaths",
  map: "PortBindings Annotations StorageOpt Tmpfs Sysctls",
  ports: "PortBindings",
  more: modesOf,
  inner: {
    RestartPolicy: { text: "Name", number: "MaximumRetryCount", more: policyMethods },
    LogConfig: { text: "Type", map: "Config" },
  },
};

const ENDPOINT: Shape = {
  text: "MacAddress NetworkID EndpointID Gateway IPAddress IPv6Gateway GlobalIPv6Address",
  number: "IPPrefixLen GlobalIPv6PrefixLen GwPriority",
  pointer: "IPAMConfig",
  list: "Links Aliases DNSNames",
  map: "DriverOpts",
};

const CONTAINER: Shape = {
  text: "Path Image ResolvConfPath HostnamePath HostsPath LogPath Name Driver Platform MountLabel ProcessLabel AppArmorProfile",
  number: "RestartCount",
  pointer: "SizeRw SizeRootFs ImageManifestDescriptor",
  list: "Args ExecIDs Mounts",
  inner: {
    State: {
      pointer: "Health",
      inner: { Health: { text: "Status", number: "FailingStreak", list: "Log" } },
    },
    Config: PROCESS,
    HostConfig: HOST,
    GraphDriver: { map: "Data" },
    NetworkSettings: {
      text:
        "Bridge SandboxID SandboxKey LinkLocalIPv6Address EndpointID Gateway GlobalIPv6Address IPAddress IPv6Gateway " +
        "MacAddress",
      number: "LinkLocalIPv6PrefixLen GlobalIPv6PrefixLen IPPrefixLen",
      flag: "HairpinMode",
      list: "SecondaryIPAddresses SecondaryIPv6Addresses",
      map: "Ports",
      ports: "Ports",
      each: { Networks: ENDPOINT },
    },
  },
  each: { Mounts: { text: "Type Name Source Destination Driver Mode Propagation", flag: "RW" } },
};

const IMAGE: Shape = {
  text: "Parent Comment Created Container DockerVersion Author Architecture Variant Os OsVersion",
  number: "Size VirtualSize",
  pointer: "Descriptor ContainerConfig",
  list: "RepoTags RepoDigests Manifests",
  inner: {
    Config: {
      sparse: true,
      text: "User WorkingDir StopSignal",
      flag: "ArgsEscaped",
      pointer: "Healthcheck",
      list: "Env Cmd Entrypoint OnBuild Shell",
      map: "Labels",
      set: "ExposedPorts Volumes",
      ports: "ExposedPorts",
      inner: { Healthcheck: HEALTHCHECK },
    },
    GraphDriver: { map: "Data" },
    RootFS: { text: "Type", list: "Layers" },
  },
};

const NETWORK: Shape = {
  list: "Peers",
  map: "Options Labels Services",
  inner: {
    IPAM: {
      text: "Driver",
      map: "Options",
      list: "Config",
      each: { Config: { text: "Subnet IPRange Gateway", map: "AuxiliaryAddresses" } },
    },
    ConfigFrom: { text: "Network" },
  },
  each: { Containers: { text: "Name EndpointID MacAddress IPv4Address IPv6Address" } },
};

const VOLUME: Shape = {
  text: "CreatedAt",
  pointer: "ClusterVolume UsageData",
  map: "Status Labels Options",
};

const NOTHING = new Struct("struct {}", {});

/** An object as Go's types have it, and those of its maps of which any key may be asked for. */
export interface Typed {
  value: unknown;
  open: ReadonlySet<unknown>;
  keys: ReadonlyMap<unknown, (key: string) => Text>;
}

/** What inspecting gave, with the members that JSON left out; undefined for what is of no known type. */
export function typed(found: unknown): Typed | undefined {
  if (!isObject(found)) return undefined;
  const shape =
    "HostConfig" in found
      ? CONTAINER
      : "RootFS" in found
        ? IMAGE
        : "IPAM" in found
          ? NETWORK
          : "Mountpoint" in found && VOLUME;
  if (shape === false) return undefined;
  const maps = { open: new Set<unknown>(), keys: new Map<unknown, (key: string) => Text>() };
  return { value: complete(found, shape, maps), ...maps };
}

interface Maps {
  open: Set<unknown>;
  keys: Map<unknown, (key: string) => Text>;
}

function complete(value: Readonly<Record<string, unknown>>, shape: Shape, maps: Maps): unknown {
  const whole: Record<string, unknown> = { ...value };
  // What JSON does not have is not among what is printed of the whole
  const add = (name: string, member: unknown) =>
    Object.defineProperty(whole, name, {
      value: member,
      enumerable: name in value && shape.sparse !== true,
      configurable: true,
      writable: true,
    });
  const lack = (names: string | undefined, empty: () => unknown) => {
    for (const name of namesOf(names)) {
      if (whole[name] !== undefined && whole[name] !== null && !(shape.sparse && isEmpty(whole[name]))) continue;
      add(name, empty());
    }
  };
  lack(shape.text, () => "");
  lack(shape.number, () => 0);
  lack(shape.flag, () => false);
  lack(shape.pointer, () => NIL);
  lack(shape.list, nilList);
  lack(shape.map, nilMap);
  lack(shape.set, nilMap);
  for (const [name, member] of Object.entries(shape.more?.(value) ?? {})) add(name, member);
  for (const [name, inner] of Object.entries(shape.inner ?? {})) {
    const member = value[name];
    if (isObject(member)) whole[name] = complete(member, inner, maps);
  }
  for (const [name, inner] of Object.entries(shape.each ?? {})) {
    const member = value[name];
    const one = (each: unknown) => (isObject(each) ? complete(each, inner, maps) : each);
    if (Array.isArray(member)) whole[name] = member.map(one);
    else if (isObject(member))
      maps.open.add((whole[name] = Object.fromEntries(Object.entries(member).map(([key, each]) => [key, one(each)]))));
  }
  for (const name of namesOf(shape.set)) {
    const member = value[name];
    if (isObject(member)) whole[name] = Object.fromEntries(Object.keys(member).map((key) => [key, NOTHING]));
  }
  for (const name of [...namesOf(shape.map), ...namesOf(shape.set)]) maps.open.add(whole[name]);
  for (const name of namesOf(shape.ports)) maps.keys.set(whole[name], portKey);
  return whole;
}

function namesOf(text: string | undefined): readonly string[] {
  return text?.split(" ") ?? [];
}

function isEmpty(value: unknown): boolean {
  return value === "" || value === 0 || value === false || (Array.isArray(value) && value.length === 0);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
