import type { PortBinding } from "../../api/index.ts";
import { formatAddress, parseAddress } from "../address.ts";
import { badHostAddress, badPort, protocolMissing } from "../errors.ts";
import type { PublishedPort } from "../records.ts";

export interface PortRequest {
  protocol: PublishedPort["protocol"];
  containerPort: number;
  /** All get the same port. */
  hostAddresses: string[];
  /** Host ports to try, or undefined for any of the ephemeral range. */
  range: { first: number; last: number } | undefined;
}

const PROTOCOLS = ["tcp", "udp", "sctp"] as const;

/** `80/tcp` in its parts; `80` is tcp. @throws invalid. */
export function parsePort(text: string): { port: number; protocol: PublishedPort["protocol"] } {
  const [digits = "", name = "tcp", extra] = text.split("/");
  const port = portNumber(digits);
  const protocol = PROTOCOLS.find((item) => item === name.toLowerCase());
  if (protocol === undefined && extra === undefined && port !== undefined) throw protocolMissing(name);
  if (port === undefined || port === 0 || protocol === undefined || extra !== undefined) throw badPort(text);
  return { port, protocol };
}

function portNumber(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) && Number(text) < 65536 ? Number(text) : undefined;
}

/**
 * What a container wants published, fixed ports first so that no random choice takes one of them away.
 * @param defaults host addresses for bindings without one.
 */
export function planPorts(
  request: { ports: Record<string, PortBinding[] | null>; exposed: readonly string[]; publishAll: boolean },
  defaults: readonly string[],
): PortRequest[] {
  const plans = Object.entries(request.ports).flatMap(([key, bindings]) =>
    (bindings ?? []).map((binding) => plan(key, binding, defaults)),
  );
  const published = new Set(plans.map((item) => `${item.containerPort}/${item.protocol}`));
  if (request.publishAll)
    for (const key of request.exposed) {
      const { port, protocol } = parsePort(key);
      if (published.has(`${port}/${protocol}`)) continue;
      published.add(`${port}/${protocol}`);
      plans.push(plan(key, {}, defaults));
    }
  const size = (item: PortRequest) => (item.range === undefined ? 65536 : item.range.last - item.range.first);
  return plans.sort((a, b) => size(a) - size(b));
}

function plan(key: string, binding: PortBinding, defaults: readonly string[]): PortRequest {
  const { port, protocol } = parsePort(key);
  const hostAddresses =
    binding.HostIp === undefined || binding.HostIp === "" ? [...defaults] : [address(binding.HostIp)];
  return { protocol, containerPort: port, hostAddresses, range: hostRange(binding.HostPort ?? "") };
}

function address(text: string): string {
  const parsed = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  if (parsed === undefined) throw badHostAddress(text);
  return formatAddress(parsed);
}

function hostRange(text: string): PortRequest["range"] {
  if (text === "" || text === "0") return undefined;
  const [low = "", high = low, extra] = text.split("-");
  const first = portNumber(low);
  const last = portNumber(high);
  if (first === undefined || last === undefined || first === 0 || last < first || extra !== undefined)
    throw badPort(text);
  return { first, last };
}
