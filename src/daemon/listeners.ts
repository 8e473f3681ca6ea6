import { readFile } from "node:fs/promises";
import type { ListenAddress, TlsOptions } from "../server/index.ts";
import { badHost, noSockets, plainTcp } from "./errors.ts";
import type { DaemonConfig } from "./options.ts";

/** One place to listen. */
export type ListenSpec =
  | { kind: "unix"; path: string; mode: number; gid: number }
  | { kind: "tcp"; host: string; port: number; tls: TlsFiles | undefined }
  | { kind: "fd"; fd: number };

export interface TlsFiles {
  ca: string | undefined;
  cert: string;
  key: string;
  /** Clients must show a certificate signed by `ca`. */
  verify: boolean;
}

export const DEFAULT_SOCKET = "/run/berth.sock";
const FIRST_HANDED_FD = 3; // sd_listen_fds(3): SD_LISTEN_FDS_START

/** What the `hosts` of the configuration mean. @throws invalid for a malformed host, or plain tcp that was not asked for. */
export async function listenSpecs(config: DaemonConfig, env: NodeJS.ProcessEnv): Promise<ListenSpec[]> {
  const hosts = config.host.length > 0 ? config.host : [`unix://${DEFAULT_SOCKET}`];
  const gid = await socketGroup(config.group);
  return hosts.flatMap((host): ListenSpec[] => {
    if (host.startsWith("unix://")) return [{ kind: "unix", path: unixPath(host), mode: 0o660, gid }];
    if (host.startsWith("tcp://")) return [tcpSpec(host, config)];
    if (host.startsWith("fd://")) return handedFds(env);
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
  const tls = config.tls || config.tlsverify;
  if (!tls && !config["allow-plain-tcp"]) throw plainTcp(host);
  return {
    kind: "tcp",
    host: (match[1] ?? "").replace(/^\[|\]$/g, "") || "0.0.0.0",
    port: Number(match[2]),
    tls: tls
      ? { ca: config.tlscacert || undefined, cert: config.tlscert, key: config.tlskey, verify: config.tlsverify }
      : undefined,
  };
}

/** Sockets that a service manager opened for this process (sd_listen_fds(3)). */
function handedFds(env: NodeJS.ProcessEnv): ListenSpec[] {
  const count = Number(env["LISTEN_FDS"] ?? 0);
  if (env["LISTEN_PID"] !== String(process.pid) || !(count > 0)) throw noSockets();
  return Array.from({ length: count }, (_, index) => ({ kind: "fd", fd: FIRST_HANDED_FD + index }));
}

/** The group that may use the socket: the one asked for, else `berth`, else `docker`, else root. */
async function socketGroup(wanted: string): Promise<number> {
  if (/^\d+$/.test(wanted)) return Number(wanted);
  const lines = (await readFile("/etc/group", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of wanted === "" ? ["berth", "docker"] : [wanted]) {
    const gid = lines.find((fields) => fields[0] === name)?.[2];
    if (gid !== undefined) return Number(gid);
  }
  return 0;
}

/** A spec as the server takes it: certificates are read now, so that a missing file is told at start. */
export async function listenAddress(spec: ListenSpec): Promise<ListenAddress> {
  switch (spec.kind) {
    case "unix":
      return { path: spec.path, mode: spec.mode, gid: spec.gid };
    case "fd":
      return { fd: spec.fd };
    case "tcp":
      return spec.tls === undefined
        ? { host: spec.host, port: spec.port }
        : { host: spec.host, port: spec.port, tls: await readTls(spec.tls) };
  }
}

async function readTls(files: TlsFiles): Promise<TlsOptions> {
  const [cert, key] = await Promise.all([readFile(files.cert), readFile(files.key)]);
  return files.verify && files.ca !== undefined ? { cert, key, ca: await readFile(files.ca) } : { cert, key };
}
