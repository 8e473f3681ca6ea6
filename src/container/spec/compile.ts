import type { HostConfig } from "../../api/index.ts";
import type { IdMappings, ProcessSpec, Rlimit, RuntimeSpec } from "../../spec/index.ts";
import { appArmorProfile } from "../apparmor.ts";
import { boundingSet } from "../capabilities.ts";
import type { ContainerRecord } from "../record.ts";
import { parseSecurityOptions, type SecurityOptions } from "../security-options.ts";
import type { ContainerConfiguration, HostFacts, SeccompProfiles } from "../types.ts";
import { networkMode } from "../create/modes.ts";
import { idMappings } from "../user-namespace.ts";
import type { HostDevices } from "./devices.ts";
import { containerEnv } from "./env.ts";
import { hasInit, INIT_TARGET, initMount } from "./init.ts";
import { compileMounts, type ContainerFiles } from "./mounts.ts";
import { compileNamespaces, type NamespacePaths } from "./namespaces.ts";
import { compileResources, type DeviceNumbers } from "./resources.ts";

/** What the world outside of the record adds to it. */
export interface SpecContext {
  config: ContainerConfiguration;
  host: HostFacts;
  seccomp: SeccompProfiles;
  user: { uid: number; gid: number; additionalGids: number[]; home: string };
  files: ContainerFiles;
  /** Namespaces of other containers to join. */
  paths: NamespacePaths;
  devices: HostDevices;
  deviceNumbers: DeviceNumbers;
  /** Host directories of image mounts, by image id. */
  imageMounts: ReadonlyMap<string, readonly [string, ...string[]]>;
  /** Variables of linked containers. */
  linked: readonly string[];
}

/** The OCI runtime spec of a container: a pure function of its record and the context. */
export function compileSpec(record: ContainerRecord, context: SpecContext): RuntimeSpec {
  const { hostConfig: host, config } = record;
  const security = parseSecurityOptions(host.SecurityOpt ?? []);
  const capabilities = capabilitiesOf(host, context.host);
  const privileged = host.Privileged === true;
  const profile = security.seccomp ?? context.config.seccompProfile;
  const unconfined = profile === "unconfined" || (privileged && security.seccomp === undefined);
  const ids = idMappings(host, context.config);
  const seccomp = unconfined ? undefined : seccompOf(profile, capabilities, context.seccomp);
  return {
    ociVersion: "1.2.0",
    ...(host.UTSMode === "host" ? {} : { hostname: config.Hostname ?? "" }),
    ...(config.Domainname && host.UTSMode !== "host" ? { domainname: config.Domainname } : {}),
    process: processOf(record, context, capabilities, security),
    root: { path: "rootfs", readonly: host.ReadonlyRootfs === true },
    mounts: [
      ...compileMounts(record, context, security.writableCgroups === true),
      ...(hasInit(host, context.config) ? [initMount(context.config)] : []),
    ],
    ...(host.Annotations ? { annotations: host.Annotations } : {}),
    linux: {
      namespaces: compileNamespaces(host, context.paths, ids !== undefined),
      ...(ids === undefined ? {} : { uidMappings: [...ids.uids], gidMappings: [...ids.gids] }),
      devices: context.devices.nodes,
      cgroupsPath: cgroupsPath(record.id, host, context.config),
      resources: compileResources(host, context.devices.rules, context.deviceNumbers),
      sysctl: sysctlsOf(record, ids),
      maskedPaths: host.MaskedPaths ?? [],
      readonlyPaths: host.ReadonlyPaths ?? [],
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(hasShared(record) ? { rootfsPropagation: "shared" } : {}),
    },
  };
}

export function capabilitiesOf(host: HostConfig, facts: HostFacts): string[] {
  return boundingSet(
    { add: host.CapAdd ?? [], drop: host.CapDrop ?? [], privileged: host.Privileged === true },
    facts.capabilities,
  );
}

/** What execve gives: root has the whole set, others only the bound. Nothing is inheritable or ambient. */
export function capabilitySets(capabilities: string[], uid: number): ProcessSpec["capabilities"] {
  const held = uid === 0 ? capabilities : [];
  return { bounding: capabilities, effective: held, permitted: held, inheritable: [], ambient: [] };
}

function seccompOf(profile: string | undefined, capabilities: string[], profiles: SeccompProfiles) {
  if (profile === undefined || profile === "builtin") return profiles.builtin(capabilities);
  return profiles.parse(profile, capabilities);
}

function processOf(
  record: ContainerRecord,
  context: SpecContext,
  capabilities: string[],
  security: SecurityOptions,
): ProcessSpec {
  const { config, hostConfig: host } = record;
  const [height = 0, width = 0] = host.ConsoleSize ?? [];
  const { uid, gid, additionalGids, home } = context.user;
  const apparmor = appArmorProfile(security.apparmor, host.Privileged === true, context.host.apparmor);
  return {
    terminal: config.Tty === true,
    ...(config.Tty === true && (height > 0 || width > 0) ? { consoleSize: { height, width } } : {}),
    user: { uid, gid, additionalGids },
    args: hasInit(host, context.config)
      ? [INIT_TARGET, "--", record.path, ...record.args]
      : [record.path, ...record.args],
    env: containerEnv(config, home, context.linked),
    cwd: config.WorkingDir || "/",
    capabilities: capabilitySets(capabilities, uid),
    rlimits: rlimitsOf(host, context.config),
    noNewPrivileges: security.noNewPrivileges ?? context.config.noNewPrivileges,
    oomScoreAdj: host.OomScoreAdj ?? 0,
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
  };
}

function rlimitsOf(host: HostConfig, config: ContainerConfiguration): Rlimit[] {
  const limits = new Map(Object.entries(config.defaultUlimits));
  for (const { Name, Soft, Hard } of host.Ulimits ?? []) {
    if (Name) limits.set(Name, { soft: Soft ?? 0, hard: Hard ?? 0 });
  }
  return [...limits].map(([name, { soft, hard }]) => ({ type: `RLIMIT_${name.toUpperCase()}`, soft, hard }));
}

/** Docker's: `/docker/<id>`, or under systemd slice, prefix and name of the scope. */
function cgroupsPath(id: string, host: HostConfig, config: ContainerConfiguration): string {
  const parent = host.CgroupParent || config.cgroupParent;
  if (config.cgroupDriver === "systemd") return `${parent || "system.slice"}:docker:${id}`;
  return `/${parent || "docker"}/${id}`.replace(/^\/+/, "/");
}

function sysctlsOf(record: ContainerRecord, ids: IdMappings | undefined): Record<string, string> {
  const { hostConfig: host } = record;
  const mode = networkMode(host.NetworkMode).kind;
  // Ports below 1024 and ping without capabilities, where the namespace is the container's own.
  const own =
    mode === "host" || mode === "container"
      ? {}
      : { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": `0 ${lastGroup(ids)}` };
  return { ...own, ...host.Sysctls };
}

/** The kernel takes only groups that are mapped, and of several ranges the first one is enough. */
function lastGroup(ids: IdMappings | undefined): number {
  const [first] = ids?.gids ?? [];
  return first === undefined ? 2147483647 : first.size - 1;
}

function hasShared(record: ContainerRecord): boolean {
  return record.mounts.some((mount) => mount.type === "bind" && mount.propagation.endsWith("shared"));
}
