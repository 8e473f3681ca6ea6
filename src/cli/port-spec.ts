import type { PortMap } from "../api/index.ts";
import { CliError } from "./errors.ts";
import { parseAddress } from "./subnets.ts";

export interface PublishedPorts {
  exposed: Record<string, Record<string, never>>;
  bindings: PortMap;
}

/**
 * Reads `-p` values: `[[ip]:][hostPort[-end]:]containerPort[-end][/proto]`, IPv6 addresses in brackets, or
 * `target=80,published=8080,protocol=tcp`.
 * @throws CliError with Docker's text.
 */
export function parsePortSpecs(specs: readonly string[]): PublishedPorts {
  const ports: PublishedPorts = { exposed: {}, bindings: {} };
  for (const spec of specs) addSpec(ports, spec.includes("=") ? shortForm(spec) : spec);
  return ports;
}

function shortForm(spec: string): string {
  const fields: Record<string, string> = { protocol: "tcp" };
  for (const field of spec.split(",")) {
    const equals = field.indexOf("=");
    if (equals <= 0) throw new CliError(`invalid publish opts format (should be name=value but got '${field}')`);
    fields[field.slice(0, equals)] = field.slice(equals + 1);
  }
  return `${fields["published"] ?? ""}:${fields["target"] ?? ""}/${fields["protocol"] ?? ""}`;
}

function addSpec(ports: PublishedPorts, spec: string): void {
  const { ip, host, container, protocol } = splitParts(spec);
  if (ip !== "" && !isAddress(ip)) throw new CliError(`invalid IP address: ${ip}`);
  if (container === "") throw new CliError(`no port specified: ${spec}<empty>`);
  const inner = range(container, "containerPort");
  const outer = host === "" ? undefined : range(host, "hostPort");
  const innerSize = inner.end - inner.start;
  // A range on the host for one port in the container: the engine takes the first that is free
  const pick = outer !== undefined && outer.end - outer.start !== innerSize && innerSize === 0;
  if (outer !== undefined && outer.end - outer.start !== innerSize && !pick) {
    throw new CliError(`invalid ranges specified for container and host Ports: ${container} and ${host}`);
  }
  const lower = protocol.toLowerCase();
  if (!["tcp", "udp", "sctp"].includes(lower)) throw new CliError(`invalid proto: ${protocol}`);
  for (let offset = 0; offset <= innerSize; offset++) {
    const key = `${inner.start + offset}/${lower}`;
    const published = outer === undefined ? "" : pick ? `${outer.start}-${outer.end}` : String(outer.start + offset);
    ports.exposed[key] = {};
    ports.bindings[key] = [...(ports.bindings[key] ?? []), { HostIp: ip, HostPort: published }];
  }
}

function splitParts(spec: string): { ip: string; host: string; container: string; protocol: string } {
  const parts = spec.split(":");
  const { port, protocol } = splitProtocol(parts.at(-1) ?? "");
  const host = parts.at(-2) ?? "";
  return { ip: parts.length > 2 ? bareAddress(parts.slice(0, -2).join(":")) : "", host, container: port, protocol };
}

/** `80/udp`; what follows a second slash counts for nothing. */
function splitProtocol(text: string): { port: string; protocol: string } {
  const [port = "", protocol = ""] = text.split("/");
  return { port, protocol: protocol === "" ? "tcp" : protocol };
}

/** An address without its brackets. @throws CliError in Go's words when they are not in pairs. */
function bareAddress(text: string): string {
  if (!text.startsWith("[")) return text;
  const close = text.indexOf("]");
  if (close === text.length - 1) return text.slice(1, -1);
  const why =
    close === -1
      ? "missing ']' in address"
      : text[close + 1] === ":"
        ? "too many colons in address"
        : "missing port in address";
  throw new CliError(`invalid IP address ${text}: address ${text}:: ${why}`);
}

/** `80` or `80-90`. @throws CliError naming `what`. */
function range(text: string, what: string): { start: number; end: number } {
  const [first = "", second = first] = text.split("-");
  if (!isPort(first) || !isPort(second) || Number(second) < Number(first))
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
    const { port: ports, protocol } = splitProtocol(spec);
    const { start, end } = exposedRange(spec, ports);
    for (let port = start; port <= end; port++) exposed[`${port}/${protocol.toLowerCase()}`] = {};
  }
  return exposed;
}

function exposedRange(spec: string, ports: string): { start: number; end: number } {
  try {
    return range(ports, "port");
  } catch {
    const wrong = ports
      .split("-")
      .slice(0, 2)
      .find((part) => !isPort(part));
    const why =
      ports === ""
        ? "empty string specified for ports"
        : wrong === undefined
          ? `invalid range specified for port: ${ports}`
          : portFault(wrong);
    throw new CliError(`invalid range format for --expose: ${spec}, error: ${why}`);
  }
}

export function isAddress(text: string): boolean {
  return parseAddress(text) !== undefined;
}
