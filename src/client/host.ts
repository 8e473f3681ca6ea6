import { invalidHost, invalidPort, invalidSshHost } from "./errors.ts";
import type { DialTarget, TlsOptions } from "./native.ts";

/** Where an engine listens, as `-H`, `DOCKER_HOST` or a context named it. */
export interface Endpoint {
  /** As shown to people: `unix:///run/berth.sock`, `tcp://127.0.0.1:2375`. */
  host: string;
  target: DialTarget;
  /** What goes before every API path (`tcp://host:1/prefix`). */
  basePath: string;
}

export const DEFAULT_HOST = "unix:///run/berth.sock";

/**
 * Reads a host of Docker's forms: `unix://PATH`, `ssh://[USER@]HOST[:PORT][/PATH]`, `tcp://HOST[:PORT][/PATH]`, `http(s)://…`, or a bare `HOST[:PORT]`.
 * @param tls given when the connection is to be encrypted; changes the default port from 2375 to 2376.
 * @throws ClientError for what is none of these.
 */
export function parseHost(text: string, tls?: Omit<TlsOptions, "serverName">): Endpoint {
  const given = text.trim() || DEFAULT_HOST;
  if (given.startsWith("unix://")) {
    const path = given.slice("unix://".length) || "/var/run/docker.sock";
    return { host: `unix://${path}`, target: { kind: "unix", path }, basePath: "" };
  }
  if (given.startsWith("ssh://")) return { host: given, target: parseSshHost(given), basePath: "" };
  const scheme = /^([a-z]+):\/\//.exec(given)?.[1];
  if (scheme !== undefined && !["tcp", "http", "https"].includes(scheme)) throw invalidHost(given);
  const rest = scheme === undefined ? given : given.slice(scheme.length + 3);
  const slash = rest.indexOf("/");
  const authority = slash === -1 ? rest : rest.slice(0, slash);
  const match = /^(\[[0-9a-fA-F:.%]+\]|[^:[\]]*)(?::(\d+))?$/.exec(authority);
  if (match === null) {
    const odd = /^[^:]*:([^:\]]+)$/.exec(authority)?.[1];
    throw odd === undefined ? invalidHost(given) : invalidPort(`tcp://${rest}`, odd);
  }
  const hostname = (match[1] ?? "").replace(/^\[|\]$/g, "") || "localhost";
  const security = tls ?? (scheme === "https" ? { verify: true } : undefined);
  const port = Number(match[2] ?? (security === undefined ? 2375 : 2376));
  if (port < 1 || port > 65_535) throw invalidHost(given);
  const shown = hostname.includes(":") ? `[${hostname}]` : hostname;
  const basePath = slash === -1 ? "" : rest.slice(slash).replace(/\/+$/, "");
  return {
    host: `tcp://${shown}:${port}${basePath}`,
    target: {
      kind: "tcp",
      hostname,
      port,
      tls: security === undefined ? undefined : { ...security, serverName: hostname },
    },
    basePath,
  };
}

function parseSshHost(given: string): DialTarget {
  const hash = given.indexOf("#");
  if (hash !== -1) throw invalidSshHost(`fragments are not allowed: ${JSON.stringify(given.slice(hash + 1))}`);
  const question = given.indexOf("?");
  if (question !== -1)
    throw invalidSshHost(`query parameters are not allowed: ${JSON.stringify(given.slice(question + 1))}`);
  const match = /^ssh:\/\/(?:([^@/]*)@)?(\[[^\]/]*\]|[^@:/]*)(?::(\d*))?(\/.*)?$/.exec(given);
  if (match === null) throw invalidSshHost(`parse ${JSON.stringify(given)}: invalid host`);
  const [, user = "", host = "", port = "", path = ""] = match;
  if (user.includes(":")) throw invalidSshHost("plain-text password is not supported");
  const hostname = host.replace(/^\[|\]$/g, "");
  if (hostname === "") throw invalidSshHost("hostname is empty");
  return { kind: "ssh", user, hostname, port, path };
}
