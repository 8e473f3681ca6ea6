import { FlagError } from "./errors.ts";
import { checkEnv } from "./environment.ts";
import {
  bool,
  bytes,
  checkLink,
  cpus,
  duration,
  type Flag,
  int,
  labels,
  list,
  map,
  plain,
  plainList,
  string,
  uint,
} from "./flags.ts";
import type { DeviceRequest, Mount } from "../api/index.ts";
import { bpsDevice, deviceRule, extraHost, gpuRequest, iopsDevice, weightDevice } from "./device-spec.ts";
import { parseMount } from "./mount-spec.ts";
import { parseNetwork } from "./network-spec.ts";
import { isAddress } from "./port-spec.ts";
import { contentTrustFlag, dryRunFlag } from "./shared-flags.ts";

/** The flags that `run` and `create` share. */
export const containerFlags = {
  "add-host": list("Add a line to /etc/hosts (host:ip)", { check: checked(extraHost) }),
  annotation: map("Pass an annotation to the OCI runtime"),
  attach: list("Attach to STDIN, STDOUT or STDERR", { short: "a", check: checkAttach }),
  "blkio-weight": uint("Share of block I/O, from 10 to 1000; 0: no weight", {
    bits: 16,
    type: "uint16",
    shownDefault: "0",
  }),
  "blkio-weight-device": list("Share of a device's I/O (device:weight)", {
    shownDefault: "[]",
    check: checked(weightDevice),
  }),
  "cap-add": plainList("Give a capability"),
  "cap-drop": plainList("Take a capability away"),
  "cgroup-parent": plain("Cgroup to put the container's below"),
  cgroupns: plain("Cgroup namespace: 'host' or 'private'"),
  cidfile: plain("Write the container's id to this file"),
  "cpu-count": int("Number of CPUs (Windows only)", { onlyWith: "Windows" }),
  "cpu-percent": int("Percent of the CPUs (Windows only)", { onlyWith: "Windows" }),
  "cpu-period": int("Length of the scheduler's period in microseconds"),
  "cpu-quota": int("CPU time in one period in microseconds"),
  "cpu-rt-period": int("Length of the real-time period in microseconds"),
  "cpu-rt-runtime": int("Real-time CPU time in one period in microseconds"),
  "cpu-shares": int("Share of CPU time when CPUs are busy", { short: "c" }),
  cpus: cpus("Most CPUs in use (1.5)"),
  "cpuset-cpus": plain("CPUs to run on (0-3, 0,1)"),
  "cpuset-mems": plain("Memory nodes to use (0-3, 0,1)"),
  device: plainList("Give access to a device of the host (host[:container[:rwm]])"),
  "device-cgroup-rule": list("Add a rule to the allowed devices", { check: deviceRule }),
  "device-read-bps": list("Most bytes a second read from a device (device:rate)", {
    shownDefault: "[]",
    check: checked(bpsDevice),
  }),
  "device-read-iops": list("Most reads a second from a device (device:rate)", {
    shownDefault: "[]",
    check: checked(iopsDevice),
  }),
  "device-write-bps": list("Most bytes a second written to a device (device:rate)", {
    shownDefault: "[]",
    check: checked(bpsDevice),
  }),
  "device-write-iops": list("Most writes a second to a device (device:rate)", {
    shownDefault: "[]",
    check: checked(iopsDevice),
  }),
  "disable-content-trust": contentTrustFlag,
  dns: list("Use this DNS server", { check: checkAddress }),
  "dns-opt": list("Set a DNS option", { hidden: true, sameAs: "dns-option" }),
  "dns-option": plainList("Set a DNS option"),
  "dns-search": list("Search this DNS domain", { check: searchDomain }),
  domainname: plain("NIS domain name of the container"),
  entrypoint: plain("Use this entry point instead of the image's"),
  env: list("Set an environment variable", { short: "e", check: checkEnv }),
  "env-file": plainList("Read environment variables from a file"),
  expose: plainList("Expose a port or a range of ports"),
  gpus: gpuFlag(),
  "group-add": plainList("Join one more group"),
  "health-cmd": plain("Command that checks the container's health"),
  "health-interval": duration("Time between two checks"),
  "health-retries": int("Failed checks in a row that mean unhealthy"),
  "health-start-interval": duration("Time between two checks while starting"),
  "health-start-period": duration("Time for starting, in which failed checks do not count"),
  "health-timeout": duration("Longest time that a check may take"),
  help: bool("Print this help"),
  hostname: string("Host name of the container", { short: "h" }),
  init: bool("Run an init that passes signals on and reaps processes"),
  interactive: bool("Keep standard input open", { short: "i" }),
  "io-maxbandwidth": bytes("Most bytes a second of the system drive (Windows only)", { onlyWith: "Windows" }),
  "io-maxiops": uint("Most operations a second of the system drive (Windows only)", { onlyWith: "Windows" }),
  ip: plain("IPv4 address (172.30.100.104)"),
  ip6: plain("IPv6 address (2001:db8::33)"),
  ipc: plain("IPC namespace"),
  isolation: plain("How the container is isolated"),
  "kernel-memory": bytes("Ignored", { hidden: true, deprecated: "it has no effect" }),
  label: labels({ short: "l" }),
  "label-file": plainList("Read labels from a file, one a line"),
  link: list("Link to another container", { check: checkLink }),
  "link-local-ip": plainList("Link-local address"),
  "log-driver": plain("Where the container's output is logged"),
  "log-opt": plainList("Set an option of the log driver"),
  "mac-address": plain("MAC address (92:d0:c6:0a:29:33)"),
  memory: bytes("Most memory", { short: "m" }),
  "memory-reservation": bytes("Memory that is kept when the host runs short"),
  "memory-swap": bytes("Most memory and swap together; -1: unlimited swap", { allowUnlimited: true }),
  "memory-swappiness": int("How readily memory is swapped (0 to 100)", { initial: -1 }),
  mount: mountFlag(),
  name: plain("Name of the container"),
  net: list("Connect to a network", { type: "network", hidden: true, sameAs: "network", check: checked(parseNetwork) }),
  network: list("Connect to a network", { type: "network", check: checked(parseNetwork) }),
  "net-alias": list("Answer to one more name on the network", { hidden: true, sameAs: "network-alias" }),
  "network-alias": plainList("Answer to one more name on the network"),
  "no-healthcheck": bool("Do not run the image's health check"),
  "oom-kill-disable": bool("Do not kill the container when memory runs out"),
  "oom-score-adj": int("How likely it is killed when memory runs out (-1000 to 1000)"),
  pid: plain("PID namespace"),
  "pids-limit": int("Most processes (-1: no limit)"),
  platform: plain("Platform of the image (os[/arch[/variant]])"),
  privileged: bool("Give all privileges"),
  publish: list("Publish a port on the host", { short: "p" }),
  "publish-all": bool("Publish all exposed ports on random ports", { short: "P" }),
  pull: string('When to pull the image ("always", "missing", "never")', { initial: "missing" }),
  quiet: bool("Do not show the pull", { short: "q" }),
  "read-only": bool("Mount the container's root file system read-only"),
  restart: string("When the container is started again", { initial: "no" }),
  "restart-on-unhealthy": bool("Restart the container by its policy when its health check fails"),
  rm: bool("Remove the container and its anonymous volumes when it exits"),
  runtime: plain("OCI runtime for this container"),
  "security-opt": plainList("Set a security option"),
  "shm-size": bytes("Size of /dev/shm"),
  "stop-signal": plain("Signal that asks the container to end"),
  "stop-timeout": int("Seconds from that signal to the kill"),
  "storage-opt": plainList("Set an option of the storage driver"),
  sysctl: map("Set a kernel parameter", { check: checkSysctl }),
  tmpfs: plainList("Mount a tmpfs on a directory"),
  tty: bool("Give the container a terminal", { short: "t" }),
  ulimit: list("Set a resource limit (name=soft[:hard])", { type: "ulimit", shownDefault: "[]", check: checkUlimit }),
  user: string("User name or id (name|uid[:group|gid])", { short: "u" }),
  userns: plain("User namespace"),
  uts: plain("UTS namespace"),
  volume: list("Mount a volume or a directory", { short: "v" }),
  "volume-driver": plain("Volume driver for the container"),
  "volumes-from": plainList("Mount the volumes of another container"),
  workdir: string("Directory to start in", { short: "w" }),
} as const;

/** What only `run` has. */
export const runFlags = {
  detach: bool("Leave the container running and print its id", { short: "d" }),
  "detach-keys": plain("Keys that leave the container running and end this command"),
  "dry-run": dryRunFlag,
  "sig-proxy": bool("Pass signals on to the container", { initial: true }),
} as const;

function mountFlag(): Flag<readonly Mount[]> {
  return {
    type: "mount",
    help: "Mount a file system (type=bind,src=…,dst=…)",
    initial: [],
    parse: (text, before) => [...before, parseMount(text)],
  };
}

function gpuFlag(): Flag<readonly DeviceRequest[]> {
  return {
    type: "gpu-request",
    help: "Give access to GPUs ('all' for all)",
    initial: [],
    parse: (text, before) => [...before, gpuRequest(text)],
  };
}

/** A check that keeps the text when it can be parsed. */
function checked(parse: (text: string) => unknown): (text: string) => string {
  return (text) => {
    parse(text);
    return text;
  };
}

function checkAttach(text: string): string {
  const lower = text.toLowerCase();
  if (lower === "stdin" || lower === "stdout" || lower === "stderr") return lower;
  throw new FlagError("valid streams are STDIN, STDOUT and STDERR");
}

const ULIMITS = new Set([
  "core",
  "cpu",
  "data",
  "fsize",
  "locks",
  "memlock",
  "msgqueue",
  "nice",
  "nofile",
  "nproc",
  "rss",
  "rtprio",
  "rttime",
  "sigpending",
  "stack",
]);

function checkAddress(text: string): string {
  const address = text.trim();
  if (isAddress(address)) return address;
  throw new FlagError(`IP address is not correctly formatted: ${text}`);
}

/** A domain without the dot at its end; `.` stands for none. */
function searchDomain(text: string): string {
  const domain = text.replace(/^ +| +$/g, "");
  if (domain === ".") return domain;
  const match = /^((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*)\.?\s*$/i.exec(domain);
  const name = match?.[1] ?? "";
  if (/[a-z]/i.test(domain) && name !== "" && name.length < 255) return name;
  throw new FlagError(`${domain} is not a valid domain`);
}

const SYSCTLS = new Set(
  ["msgmax", "msgmnb", "msgmni", "sem", "shmall", "shmmax", "shmmni", "shm_rmid_forced"].map(
    (name) => `kernel.${name}`,
  ),
);

/** Those that belong to a container's own namespaces, as Docker's command lets them pass. */
function checkSysctl(text: string): string {
  const equals = text.indexOf("=");
  const name = text.slice(0, Math.max(0, equals));
  if (SYSCTLS.has(name) || name.startsWith("net.") || name.startsWith("fs.mqueue.")) return text;
  throw new FlagError(`sysctl '${text}' is not allowed`);
}

function checkUlimit(text: string): string {
  const equals = text.indexOf("=");
  if (equals === -1) throw new FlagError(`invalid ulimit argument: ${text}`);
  const name = text.slice(0, equals);
  if (!ULIMITS.has(name)) throw new FlagError(`invalid ulimit type: ${name}`);
  const limits = text.slice(equals + 1).split(":");
  if (limits.length > 2)
    throw new FlagError(
      `too many limit value arguments - ${text.slice(equals + 1)}, can only have up to two, \`soft[:hard]\``,
    );
  for (const limit of limits) {
    if (!/^[+-]?\d+$/.test(limit))
      throw new FlagError(`strconv.ParseInt: parsing ${JSON.stringify(limit)}: invalid syntax`);
    if (BigInt.asIntN(64, BigInt(limit)) !== BigInt(limit))
      throw new FlagError(`strconv.ParseInt: parsing ${JSON.stringify(limit)}: value out of range`);
  }
  const [soft = 0, hard = soft] = limits.map(Number);
  const tooSoft = "ulimit soft limit must be less than or equal to hard limit:";
  if (hard !== -1 && soft === -1) throw new FlagError(`${tooSoft} soft: -1 (unlimited), hard: ${hard}`);
  if (hard !== -1 && soft > hard) throw new FlagError(`${tooSoft} ${soft} > ${hard}`);
  return text;
}
