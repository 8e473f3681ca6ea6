import type { PortMap } from "../api/index.ts";
import { CliError } from "./errors.ts";

export interface PublishedPorts {
  exposed: Record<string, Record<string, never>>;
  bindings: PortMap;
}

/**
 * Reads `-p` values: `[[ip]:][hostPort[-end]:]containerPort[-end][/proto]`, IPv6 addresses in brackets.
 * @throws CliError with Docker's text.
 */
export function parsePortSpecs(specs: readonly string[]): PublishedPorts {
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of specs) addSpec(ports, spec);
  return ports;
}

function addSpec(ports: PublishedPorts, spec: string): void {
  const slash = spec.lastIndexOf("/");
  const protocol = (slash === -1 ? "tcp" : spec.slice(slash + 1) || "tcp").toLowerCase();
  const { ip, host, container } = splitParts(slash === -1 ? spec : spec.slice(0, slash));
  if (container === "") throw new CliError(`no port specified: ${spec}<empty>`);
  const inner = range(container, "containerPort");
  const outer = host === "" ? undefined : range(host, "hostPort");
  if (ip !== "" && !isAddress(ip)) throw new CliError(`invalid IP address: ${ip}`);
  if (!["tcp", "udp", "sctp"].includes(protocol)) throw new CliError(`invalid proto: ${protocol}`);
  const innerSize = inner.end - inner.start;
  // A range on the host for one port in the container: the engine takes the first that is free
  const pick = outer !== undefined && outer.end - outer.start !== innerSize && innerSize === 0;
  if (outer !== undefined && outer.end - outer.start !== innerSize && !pick) {
    throw new CliError(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  for (let offset = 0; offset <= innerSize; offset++) {
    const key = `${inner.start + offset}/${protocol}`;
    const published = outer === undefined ? "" : pick ? `${outer.start}-${outer.end}` : String(outer.start + offset);
    ports.exposed[key] = {};
    ports.bindings[key] = [...(ports.bindings[key] ?? []), { HostIp: ip, HostPort: published }];
  }
}

function splitParts(text: string): { ip: string; host: string; container: string } {
  const parts = text.split(":");
  const container = parts.at(-1) ?? "";
  if (parts.length === 1) return { ip: "", host: "", container };
  if (parts.length === 2) return { ip: "", host: parts[0] ?? "", container };
  const address = parts.slice(0, -2).join(":");
  const bracketed = /^\[(.*)\]$/.exec(address)?.[1];
  if (parts.length > 3 && bracketed === undefined) throw new CliError(`invalid IP address: ${address}`);
  return { ip: bracketed ?? address, host: parts.at(-2) ?? "", container };
}

/** `80` or `80-90`. @throws CliError naming `what`. */
function range(text: string, what: string): { start: number; end: number } {
  const [first = "", second = first, ...more] = text.split("-");
  const valid = (part: string) => /^\d+$/.test(part) && Number(part) <= 65_535;
  if (more.length > 0 || !valid(first) || !valid(second) || Number(second) < Number(first))
    throw new CliError(`invalid ${what}: ${text}`);
  return { start: Number(first), end: Number(second) };
}

function isPort(text: string): boolean {
  return /^\d+$/.test(text) && Number(text) <= 65_535;
}

/** What Go says of a text that is no port. */
export function portFault(text: string): string {
  const why = /^\d+$/.test(text) ? "value out of range" : "invalid syntax";
  return `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`;
}

/** Reads `--expose` values. */
export function parseExposed(specs: readonly string[]): Record<string, Record<string, never>> {
  const exposed: Record<string, Record<string, never>> = {};
  for (const spec of specs) {
    if (spec.includes(":")) throw new CliError(`invalid port format for --expose: ${spec}`);
    const [ports = "", protocol = "tcp"] = spec.split("/");
    const { start, end } = exposedRange(spec, ports);
    for (let port = start; port <= end; port++) exposed[`${port}/${protocol.toLowerCase()}`] = {};
  }
  return exposed;
}

function exposedRange(spec: string, ports: string): { start: number; end: number } {
  try {
    return range(ports, "port");
  } catch {
    const wrong = ports.split("-").find((part) => !isPort(part));
    const why = wrong === undefined ? `invalid range specified for port: ${ports}` : portFault(wrong);
    throw new CliError(`invalid range format for --expose: ${spec}, error: ${why}`);
  }
}

export function isAddress(text: string): boolean {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (octets !== null) return octets.slice(1).every((octet) => Number(octet) <= 255);
  return text.includes(":") && /^[0-9a-fA-F:.]+(?:%\S+)?$/.test(text);
}
