import type { ContainerConfig, HostConfig, NetworkingConfig, RestartPolicy } from "../api/index.ts";
import { readTextFile } from "../client/index.ts";
import { RESTART_ON_UNHEALTHY } from "../spec/index.ts";
import { absolutePath } from "./absolute-path.ts";
import type { containerFlags } from "./container-flags.ts";
import { lastOfEach, readFault, readKeyValueFiles, resolveEnv, toMap } from "./environment.ts";
import { CliError, messageOf } from "./errors.ts";
import { bpsDevice, device, extraHost, iopsDevice, isNamedDevice, ulimit, weightDevice } from "./device-spec.ts";
import type { FlagValues } from "./flags.ts";
import { parseNetworks } from "./network-spec.ts";
import { parseExposed, parsePortSpecs } from "./port-spec.ts";

type Flags = FlagValues<typeof containerFlags>;
export type CreateBody = ContainerConfig & { HostConfig: HostConfig; NetworkingConfig: NetworkingConfig };

interface Environment {
  /** Of this process. */
  env: Readonly<Record<string, string | undefined>>;
  /** Variables of the proxies that containers are to use. */
  proxy: readonly string[];
}

/**
 * The body of `POST /containers/create` that flags and arguments ask for.
 * @throws CliError with Docker's text for values that contradict each other or cannot be read.
 */
export async function buildContainer(
  flags: Flags,
  changed: ReadonlySet<string>,
  [image = "", ...command]: readonly string[],
  { env, proxy }: Environment,
  detached: boolean,
): Promise<CreateBody> {
  const ports = parsePortSpecs(flags.publish);
  const networks = parseNetworks(flags.network, {
    aliases: flags["network-alias"],
    links: flags.link,
    ip: flags.ip,
    ip6: flags.ip6,
    linkLocal: flags["link-local-ip"],
    mac: flags["mac-address"],
  });
  const streams = detached ? { AttachStdin: false, AttachStdout: false, AttachStderr: false } : attachStreams(flags);
  const variables = [
    ...(await readKeyValueFiles(flags["env-file"], env)),
    ...lastOfEach(resolveEnv(flags.env, env)),
    ...proxy,
  ];
  const labels = toMap([...(await readKeyValueFiles(flags["label-file"], undefined)), ...flags.label]);
  if (flags["restart-on-unhealthy"]) labels[RESTART_ON_UNHEALTHY] = "true";
  const volumes = splitVolumes(flags.volume);
  const exposed = { ...parseExposed(flags.expose), ...ports.exposed };
  const config: ContainerConfig = {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    ...streams,
    ...(Object.keys(exposed).length > 0 ? { ExposedPorts: exposed } : {}),
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && streams.AttachStdin,
    Env: variables,
    ...(command.length > 0 ? { Cmd: command } : {}),
    Image: image,
    Volumes: volumes.anonymous,
    WorkingDir: flags.workdir,
    // An empty --entrypoint takes the image's away
    ...(changed.has("entrypoint") ? { Entrypoint: [flags.entrypoint] } : {}),
    Labels: labels,
    ...(changed.has("stop-signal") ? { StopSignal: flags["stop-signal"] } : {}),
    ...(changed.has("stop-timeout") ? { StopTimeout: flags["stop-timeout"] } : {}),
    ...healthcheck(flags, changed),
  };
  const host = await hostConfig(flags, changed, ports.bindings, volumes.binds, networks);
  return { ...config, HostConfig: host, NetworkingConfig: { EndpointsConfig: networks.endpoints } };
}

function attachStreams(flags: Flags): { AttachStdin: boolean; AttachStdout: boolean; AttachStderr: boolean } {
  const wanted = new Set(flags.attach);
  if (wanted.size === 0) return { AttachStdin: flags.interactive, AttachStdout: true, AttachStderr: true };
  const AttachStdin = flags.interactive || wanted.has("stdin");
  return { AttachStdin, AttachStdout: wanted.has("stdout"), AttachStderr: wanted.has("stderr") };
}

/**
 * `-v /data` is an anonymous volume, `-v a:b` a bind; relative sources are made absolute here, where they mean something.
 * What was said twice in the same words is one mount.
 */
function splitVolumes(specs: readonly string[]): { binds: string[]; anonymous: Record<string, Record<string, never>> } {
  const binds = new Set<string>();
  const anonymous: Record<string, Record<string, never>> = {};
  for (const spec of specs) {
    const colon = spec.indexOf(":");
    checkVolume(spec);
    if (colon === -1 || spec.length <= 2) anonymous[spec] = {};
    else if (spec.startsWith(".")) binds.add(absolutePath(spec.slice(0, colon)) + spec.slice(colon));
    else binds.add(spec);
  }
  return { binds: [...binds], anonymous };
}

/** @throws CliError with the text of the parser of Compose files, which Docker's command reads these with. */
function checkVolume(spec: string): void {
  if (spec === "") throw new CliError("invalid empty volume spec");
  const parts = spec.split(":");
  // A letter alone would be a drive there
  if (parts[0]?.length === 1 || spec.length <= 2 || parts.length === 1) return;
  if (parts.slice(0, 3).includes("")) throw new CliError(`invalid spec: ${spec}: empty section between colons`);
  if (parts.length > 3) throw new CliError(`invalid spec: ${spec}: too many colons`);
}

function healthcheck(flags: Flags, changed: ReadonlySet<string>): Pick<ContainerConfig, "Healthcheck"> {
  const given = [...changed].some((name) => name.startsWith("health-"));
  if (flags["no-healthcheck"]) {
    if (given) throw new CliError("--no-healthcheck conflicts with --health-* options");
    return { Healthcheck: { Test: ["NONE"] } };
  }
  if (!given) return {};
  const names = ["health-interval", "health-timeout", "health-start-period", "health-start-interval"] as const;
  for (const name of names) if (flags[name] < 0) throw new CliError(`--${name} cannot be negative`);
  if (flags["health-retries"] < 0) throw new CliError("--health-retries cannot be negative");
  return {
    Healthcheck: {
      ...(flags["health-cmd"] === "" ? {} : { Test: ["CMD-SHELL", flags["health-cmd"]] }),
      Interval: flags["health-interval"],
      Timeout: flags["health-timeout"],
      StartPeriod: flags["health-start-period"],
      StartInterval: flags["health-start-interval"],
      Retries: flags["health-retries"],
    },
  };
}

async function hostConfig(
  flags: Flags,
  changed: ReadonlySet<string>,
  bindings: NonNullable<HostConfig["PortBindings"]>,
  binds: string[],
  networks: ReturnType<typeof parseNetworks>,
): Promise<HostConfig> {
  const restart = restartPolicy(flags.restart);
  if (flags.rm && !["", "no"].includes(restart.Name ?? "")) {
    throw new CliError("conflicting options: cannot specify both --restart and --rm");
  }
  const security = await securityOptions(flags["security-opt"]);
  const swappiness = flags["memory-swappiness"];
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw new CliError(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  return {
    ...(binds.length > 0 ? { Binds: binds } : {}),
    ContainerIDFile: flags.cidfile,
    LogConfig: logConfig(flags),
    NetworkMode: networks.mode,
    PortBindings: bindings,
    RestartPolicy: restart,
    AutoRemove: flags.rm,
    VolumeDriver: flags["volume-driver"],
    ...filled({
      VolumesFrom: [...flags["volumes-from"]],
      CapAdd: capabilities(flags["cap-add"]),
      CapDrop: capabilities(flags["cap-drop"]),
      ExtraHosts: flags["add-host"].map(extraHost),
      GroupAdd: [...flags["group-add"]],
      DeviceCgroupRules: [...flags["device-cgroup-rule"]],
    }),
    ...(flags.mount.length > 0 ? { Mounts: [...flags.mount] } : {}),
    ...(Object.keys(flags.annotation).length > 0 ? { Annotations: flags.annotation } : {}),
    ...cgroupns(flags.cgroupns),
    Dns: [...flags.dns],
    DnsOptions: [...flags["dns-option"]],
    DnsSearch: [...flags["dns-search"]],
    IpcMode: flags.ipc,
    Links: [...networks.links],
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: modeOf(flags.pid, "--pid", "PID", /^(?:host|container:.+)$/),
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    ...security,
    ...(flags["storage-opt"].length > 0 ? { StorageOpt: storageOptions(flags["storage-opt"]) } : {}),
    ...(flags.tmpfs.length > 0 ? { Tmpfs: Object.fromEntries(flags.tmpfs.map(tmpfs)) } : {}),
    UTSMode: modeOf(flags.uts, "--uts", "UTS", /^host$/),
    UsernsMode: modeOf(flags.userns, "--userns", "USER", /^(?:host|private)?(?::.*)?$/),
    ShmSize: flags["shm-size"],
    ...(Object.keys(flags.sysctl).length > 0 ? { Sysctls: flags.sysctl } : {}),
    Runtime: flags.runtime,
    ...(flags.isolation === "" ? {} : { Isolation: isolation(flags.isolation) }),
    CpuShares: flags["cpu-shares"],
    Memory: flags.memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags["cgroup-parent"],
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: flags["blkio-weight-device"].map(weightDevice),
    BlkioDeviceReadBps: flags["device-read-bps"].map(bpsDevice),
    BlkioDeviceWriteBps: flags["device-write-bps"].map(bpsDevice),
    BlkioDeviceReadIOps: flags["device-read-iops"].map(iopsDevice),
    BlkioDeviceWriteIOps: flags["device-write-iops"].map(iopsDevice),
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    Devices: flags.device.filter((each) => !isNamedDevice(each)).map(device),
    ...deviceRequests(flags),
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    ...(changed.has("memory-swappiness") ? { MemorySwappiness: swappiness } : {}),
    OomKillDisable: flags["oom-kill-disable"],
    ...(changed.has("init") ? { Init: flags.init } : {}),
    ...(changed.has("pids-limit") ? { PidsLimit: flags["pids-limit"] } : {}),
    Ulimits: [...new Map(flags.ulimit.map(ulimit).map((each) => [each.Name, each])).values()],
    CpuCount: flags["cpu-count"],
    CpuPercent: flags["cpu-percent"],
    IOMaximumIOps: flags["io-maxiops"],
    IOMaximumBandwidth: flags["io-maxbandwidth"],
  };
}

/** The lists that have something in them: Docker's command sends null for these when they are empty, which inspect then shows. */
function filled<T extends Readonly<Record<string, readonly unknown[]>>>(lists: T): Partial<T> {
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)) as Partial<T>; // some of its members
}

/** As the kernel's headers call them, each once, in the order of the alphabet. */
function capabilities(names: readonly string[]): string[] {
  const upper = names.map((name) => name.toUpperCase());
  const long = upper.map((name) => (name === "ALL" || name.startsWith("CAP_") ? name : `CAP_${name}`));
  return [...new Set(long)].sort();
}

function deviceRequests(flags: Flags): Pick<HostConfig, "DeviceRequests"> {
  const named = flags.device.filter(isNamedDevice);
  const requests = [...flags.gpus, ...(named.length > 0 ? [{ Driver: "cdi", DeviceIDs: named }] : [])];
  return requests.length > 0 ? { DeviceRequests: requests } : {};
}

/** `on-failure:3`. @throws CliError */
export function restartPolicy(text: string): RestartPolicy {
  const colon = text.indexOf(":");
  const name = colon === -1 ? text : text.slice(0, colon);
  const count = colon === -1 ? "" : text.slice(colon + 1);
  if (colon !== -1 && name === "") throw new CliError("invalid restart policy format: no policy provided before colon");
  if (count !== "" && !/^[+-]?\d+$/.test(count))
    throw new CliError("invalid restart policy format: maximum retry count must be an integer");
  // What the name may be is the engine's to say
  return { Name: name as NonNullable<RestartPolicy["Name"]>, MaximumRetryCount: Number(count) };
}

function logConfig(flags: Flags): NonNullable<HostConfig["LogConfig"]> {
  const options = toMap(flags["log-opt"]);
  const driver = flags["log-driver"];
  if (driver === "none" && flags["log-opt"].length > 0) throw new CliError(`invalid logging opts for driver ${driver}`);
  // What the driver may be is the engine's to say
  return { Type: driver as NonNullable<NonNullable<HostConfig["LogConfig"]>["Type"]>, Config: options };
}

function modeOf(text: string, flag: string, what: string, valid: RegExp): string {
  if (text !== "" && !valid.test(text)) throw new CliError(`${flag}: invalid ${what} mode`);
  return text;
}

function cgroupns(text: string): Pick<HostConfig, "CgroupnsMode"> {
  if (text === "") return {};
  if (text !== "host" && text !== "private") throw new CliError("--cgroupns: invalid CGROUP mode");
  return { CgroupnsMode: text };
}

function isolation(text: string): NonNullable<HostConfig["Isolation"]> {
  return text as NonNullable<HostConfig["Isolation"]>; // what it may be is the engine's to say
}

async function securityOptions(
  options: readonly string[],
): Promise<Pick<HostConfig, "SecurityOpt" | "MaskedPaths" | "ReadonlyPaths">> {
  const kept: string[] = [];
  let unconfined = false;
  for (const option of options) {
    if (option === "systempaths=unconfined") {
      unconfined = true;
      continue;
    }
    const match = /^([^=:]*)[=:](.+)$/s.exec(option);
    if (match === null && option !== "no-new-privileges")
      throw new CliError(`Invalid --security-opt: ${JSON.stringify(option)}`);
    const [, name = "", value = ""] = match ?? [];
    if (name === "seccomp" && value !== "unconfined" && value !== "builtin") {
      const text = await readTextFile(value).catch((error: unknown) => {
        throw new CliError(`opening seccomp profile (${value}) failed: ${readFault(value, error)}`);
      });
      if (text === undefined)
        throw new CliError(`opening seccomp profile (${value}) failed: open ${value}: no such file or directory`);
      kept.push(`seccomp=${compactJson(value, text)}`);
    } else kept.push(option);
  }
  const paths = unconfined ? { MaskedPaths: [], ReadonlyPaths: [] } : {};
  return { ...(kept.length > 0 ? { SecurityOpt: kept } : {}), ...paths };
}

function compactJson(path: string, text: string): string {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw new CliError(`compacting json for seccomp profile (${path}) failed: ${messageOf(error)}`);
  }
}

function storageOptions(options: readonly string[]): Record<string, string> {
  for (const option of options) if (!option.includes("=")) throw new CliError("invalid storage option");
  return toMap(options);
}

function tmpfs(text: string): [string, string] {
  const colon = text.indexOf(":");
  return colon === -1 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
}
