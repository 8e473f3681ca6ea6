import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import type { ContainerConfiguration, HostFacts } from "../container/index.ts";
import { LOG_DRIVERS } from "../logging/index.ts";
import { DEFAULT_POOLS, defaultNetworkConfig, OWN_BRIDGE, type NetworkConfig } from "../network/index.ts";
import { slicePath, type CgroupFacts, type CgroupOptions } from "../runtime/index.ts";
import { ALL_CAPABILITIES } from "../spec/index.ts";
import { readAppArmor } from "./apparmor.ts";
import { badExecOption, badPool, badUlimit, unknownLogDriver } from "./errors.ts";
import { readHostFacts } from "./host-facts.ts";
import { metricsAddress } from "./metrics.ts";
import type { DaemonConfig } from "./options.ts";

/** The daemon's options as the network layer reads them. Names on the host derive from the default bridge's name. */
export function networkConfiguration(config: DaemonConfig): NetworkConfig {
  const defaults = defaultNetworkConfig();
  const bridge = config.bridge === "" ? OWN_BRIDGE : config.bridge;
  const pools = addressPools(config);
  return {
    ...defaults,
    instance: bridge === OWN_BRIDGE || bridge === "none" ? "berth" : `berth-${bridge}`,
    bridgePrefix: config["bridge-prefix"],
    bridgeName: bridge === "none" ? undefined : bridge,
    bip: config.bip || undefined,
    fixedCidr: config["fixed-cidr"] || undefined,
    ipv6: config.ipv6,
    bip6: config.bip6 || undefined,
    fixedCidr6: config["fixed-cidr-v6"] || undefined,
    defaultGateway6: config["default-gateway-v6"] || undefined,
    mtu: config.mtu,
    icc: config.icc,
    masquerade: config["ip-masq"],
    publishAddress: config.ip,
    pools: pools.length > 0 ? pools : DEFAULT_POOLS,
    firewall: config.iptables,
    forwarding: config["ip-forward"],
    relay: config["userland-proxy"],
    dns: { servers: config.dns, search: config["dns-search"], options: config["dns-opt"] },
    resolvConf: config["resolv-conf"],
    defaultGateway: config["default-gateway"] || undefined,
    hostGateways:
      config["host-gateway-ip"].length === 0 && config["host-gateway"] !== ""
        ? [config["host-gateway"]]
        : config["host-gateway-ip"],
  };
}

/** The pools that the options name; none: the built-in ones are used. @throws invalid that names the pool. */
export function addressPools(config: DaemonConfig): Array<{ base: string; size: number }> {
  return config["default-address-pool"].map(addressPool);
}

/** What can be wrong in options besides their types, as far as it can be known without a host. @throws invalid. */
export function checkOptions(config: DaemonConfig): void {
  const driver = LOG_DRIVERS.get(config["log-driver"]);
  if (driver === undefined) throw unknownLogDriver(config["log-driver"]);
  driver.validate(config["log-opt"]);
  metricsAddress(config["metrics-addr"]);
  addressPools(config);
  cgroupDriver(config);
  Object.entries(config["default-ulimit"]).forEach(ulimit);
}

/** `base=10.0.0.0/8,size=24`. @throws invalid that names the pool. */
function addressPool(text: string): { base: string; size: number } {
  const fields = new Map(text.split(",").map((part) => part.split("=", 2) as [string, string])); // split at most in two
  const base = fields.get("base");
  const size = Number(fields.get("size"));
  if (base === undefined || !Number.isInteger(size) || fields.size !== 2) throw badPool(text);
  return { base, size };
}

/** The daemon's options as the container layer reads them. @throws when the seccomp profile cannot be read, or the parent cgroup is no slice. */
export async function containerConfiguration(
  config: DaemonConfig,
  facts: CgroupFacts,
  initPath: string,
): Promise<Omit<ContainerConfiguration, "userns">> {
  const profile = config["seccomp-profile"];
  if (facts.driver === "systemd" && config["cgroup-parent"] !== "") slicePath(config["cgroup-parent"]);
  const named = config["default-cgroupns-mode"];
  return {
    defaultRuntime: config["default-runtime"],
    defaultShmSize: config["default-shm-size"],
    defaultUlimits: Object.fromEntries(Object.entries(config["default-ulimit"]).map(ulimit)),
    logDriver: config["log-driver"],
    logOptions: config["log-opt"],
    cgroupDriver: facts.driver,
    cgroupParent: config["cgroup-parent"],
    cgroupnsMode: named === "host" || named === "private" ? named : facts.version === 2 ? "private" : "host",
    ipcMode: config["default-ipc-mode"] === "shareable" ? "shareable" : "private",
    noNewPrivileges: config["no-new-privileges"],
    stopTimeout: config["default-stop-timeout"],
    seccompProfile:
      profile === "builtin" ? undefined : profile === "unconfined" ? profile : await readFile(profile, "utf8"),
    init: config.init,
    initPath: config["init-path"] || initPath,
  };
}

/** `nofile=100:200`. @throws invalid that names the limit. */
function ulimit([name, text]: [string, string]): [string, { soft: number; hard: number }] {
  const [soft = Number.NaN, hard = soft] = text.split(":").map(Number);
  if (!Number.isInteger(soft) || !Number.isInteger(hard) || soft > hard) throw badUlimit(name, text);
  return [name, { soft, hard }];
}

/** What the container layer needs to know of this machine. */
export function containerHost(facts: CgroupFacts): HostFacts {
  return {
    cpus: cpus().length,
    cgroupVersion: facts.version,
    cpusetCpus: sysList("/sys/devices/system/cpu/online"),
    cpusetMems: sysList("/sys/devices/system/node/online"),
    memoryTotal: totalmem(),
    swapLimit: facts.swapLimit,
    blockIoWeight: facts.blkioWeight,
    cpuRealtime: facts.cpuRealtime,
    architecture: readHostFacts().goArch,
    capabilities: ownCapabilities(),
    apparmor: readAppArmor(),
  };
}

/** A list such as `0-3`; a kernel without memory nodes has only node 0. */
function sysList(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch {
    return "0";
  }
}

/** The capabilities that this process may pass on: a privileged container gets no more than the daemon has. */
function ownCapabilities(): string[] {
  const line = /^CapPrm:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"));
  const mask = BigInt(`0x${line?.[1] ?? "0"}`);
  return ALL_CAPABILITIES.filter((_, number) => ((mask >> BigInt(number)) & 1n) === 1n);
}

/** `native.cgroupdriver` of the exec options. @throws invalid for an option that is none. */
/** What cgroups of containers are made with. @throws invalid for an exec option that is not known. */
export function cgroupOptions(config: DaemonConfig): CgroupOptions {
  const { "cpu-rt-period": period, "cpu-rt-runtime": runtime } = config;
  return { driver: cgroupDriver(config), realtime: { period, runtime } };
}

export function cgroupDriver(config: DaemonConfig): string {
  let driver = "cgroupfs";
  for (const text of config["exec-opt"]) {
    const [key, value] = text.split("=", 2);
    if (key !== "native.cgroupdriver" || value === undefined) throw badExecOption(text);
    driver = value;
  }
  return driver;
}
