import { readFileSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { hostname } from "node:os";
import type { ListenAddress, TlsOptions } from "../server/index.ts";
import { badHost, lacksCertificates, noSockets, plainTcp, unknownGroup } from "./errors.ts";
import type { DaemonConfig } from "./options.ts";

/** One place to listen. */
export type ListenSpec =
  | { kind: "unix"; path: string; mode: number; gid: number }
  | { kind: "tcp"; host: string; port: number; tls: TlsFiles }
  /** `names`: what clients may call this host; whoever can connect is root, and a browser must not be made to. */
  | { kind: "plain-tcp"; host: string; port: number; names: string[] }
  | { kind: "fd"; fd: number }
  | { kind: "plain-tcp-fd"; fd: number; names: string[] };

export interface TlsFiles {
  /** Clients must show a certificate that it signed; undefined: everyone may connect. */
  ca: string | undefined;
  cert: string;
  key: string;
}

const DEFAULT_SOCKET = "/run/berth.sock";
const FIRST_HANDED_FD = 3; // sd_listen_fds(3): SD_LISTEN_FDS_START

/** What the `hosts` of the configuration mean. @throws invalid for a malformed host, or plain tcp that was not asked for. */
export async function listenSpecs(config: DaemonConfig, env: NodeJS.ProcessEnv): Promise<ListenSpec[]> {
  const hosts = config.host.length > 0 ? config.host : [`unix://${DEFAULT_SOCKET}`];
  const gid = await socketGroup(config.group);
  return hosts.flatMap((host): ListenSpec[] => {
    if (host.startsWith("unix://")) return [{ kind: "unix", path: unixPath(host), mode: 0o660, gid }];
    if (host.startsWith("tcp://")) return [tcpSpec(host, config)];
    if (host.startsWith("fd://")) return handedFds(env, config);
    throw badHost(host);
  });
}

function unixPath(host: string): string {
  const path = host.slice("unix://".length);
  if (!path.startsWith("/")) throw badHost(host);
  return path;
}

function tcpSpec(host: string, config: DaemonConfig): ListenSpec {
  const match = /^tcp:\/\/(\[[0-9a-f:]+\]|[^:/]*):(\d{1,5})$/i.exec(host);
  if (match === null) throw badHost(host);
  const name = (match[1] ?? "").replace(/^\[|\]$/g, "") || "0.0.0.0";
  const port = Number(match[2]);
  if (config.tls || config.tlsverify) return { kind: "tcp", host: name, port, tls: tlsFiles(host, config) };
  if (!config["allow-plain-tcp"]) throw plainTcp(host);
  return { kind: "plain-tcp", host: name, port, names: [name, ...ownNames(config)] };
}

function tlsFiles(host: string, config: DaemonConfig): TlsFiles {
  const needed = config.tlsverify ? (["tlscacert", "tlscert", "tlskey"] as const) : (["tlscert", "tlskey"] as const);
  const lacking = needed.filter((option) => config[option] === "");
  if (lacking.length > 0) throw lacksCertificates(host, lacking);
  const { tlscacert, tlscert, tlskey, tlsverify } = config;
  return { ca: tlsverify ? tlscacert : undefined, cert: tlscert, key: tlskey };
}

function ownNames(config: DaemonConfig): string[] {
  return [hostname(), ...config["allow-host"]];
}

/** Sockets that a service manager opened for this process (sd_listen_fds(3)). */
function handedFds(env: NodeJS.ProcessEnv, config: DaemonConfig): ListenSpec[] {
  const count = Number(env["LISTEN_FDS"] ?? 0);
  if (env["LISTEN_PID"] !== String(process.pid) || !(count > 0)) throw noSockets();
  return Array.from({ length: count }, (_, index): ListenSpec => {
    const fd = FIRST_HANDED_FD + index;
    if (isUnixSocket(fd)) return { kind: "fd", fd };
    if (!config["allow-plain-tcp"]) throw plainTcp(`fd://${fd}`);
    return { kind: "plain-tcp-fd", fd, names: ownNames(config) };
  });
}

/** proc_pid_net(5): unix sockets are listed with their inodes. */
function isUnixSocket(fd: number): boolean {
  const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  const rows = readFileSync("/proc/self/net/unix", "utf8").split("\n");
  return inode !== undefined && rows.some((row) => row.split(/\s+/)[6] === inode);
}

/** The group that may use the socket: the one asked for (it must be there), else `berth`, else `docker`, else root. */
async function socketGroup(wanted: string): Promise<number> {
  if (/^\d+$/.test(wanted)) return Number(wanted);
  const lines = (await readFile("/etc/group", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of wanted === "" ? ["berth", "docker"] : [wanted]) {
    const gid = lines.find((fields) => fields[0] === name)?.[2];
    if (gid !== undefined) return Number(gid);
  }
  if (wanted !== "") throw unknownGroup(wanted);
  return 0;
}

/** A spec as the server takes it: certificates are read now, so that a missing file is told at start. */
export async function listenAddress(spec: ListenSpec): Promise<ListenAddress> {
  switch (spec.kind) {
    case "unix":
      return { path: spec.path, mode: spec.mode, gid: spec.gid };
    case "fd":
      return { fd: spec.fd };
    case "plain-tcp-fd":
      return { fd: spec.fd, names: spec.names };
    case "plain-tcp":
      return { host: spec.host, port: spec.port, names: spec.names };
    case "tcp":
      return { host: spec.host, port: spec.port, tls: await readTls(spec.tls) };
  }
}

/** A spec as the log shows it. */
export function shownAddress(spec: ListenSpec, port: number | undefined): string {
  switch (spec.kind) {
    case "unix":
      return `unix://${spec.path}`;
    case "fd":
    case "plain-tcp-fd":
      return `fd://${spec.fd}`;
    case "plain-tcp":
    case "tcp":
      return `tcp://${spec.host.includes(":") ? `[${spec.host}]` : spec.host}:${port ?? spec.port}`;
  }
}

async function readTls(files: TlsFiles): Promise<TlsOptions> {
  const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
  return files.ca !== undefined ? { cert, key, ca: await readFile(files.ca) } : { cert, key };
}
