import type { PortSummary } from "../api/index.ts";

/** Ports as a listing shows them: neighbours joined to ranges, mappings to other numbers last. */
export function displayPorts(ports: readonly PortSummary[]): string {
  const sorted = [...ports].sort(
    (left, right) =>
      left.PrivatePort - right.PrivatePort ||
      compare(left.IP ?? "", right.IP ?? "") ||
      (left.PublicPort ?? 0) - (right.PublicPort ?? 0) ||
      compare(left.Type, right.Type),
  );
  const groups = new Map<string, { ip: string; type: string; first: number; last: number }>();
  const shown: string[] = [];
  const mappings: string[] = [];
  for (const { IP: ip = "", PrivatePort: port, PublicPort: published, Type: type } of sorted) {
    if (ip !== "" && published !== port) {
      mappings.push(`${bracketed(ip)}:${published ?? 0}->${port}/${type}`);
      continue;
    }
    const key = `${ip}/${type}`;
    const group = groups.get(key);
    if (group !== undefined && port === group.last + 1) {
      group.last = port;
      continue;
    }
    if (group !== undefined) shown.push(showGroup(group));
    groups.set(key, { ip, type, first: port, last: port });
  }
  return [...shown, ...[...groups.values()].map(showGroup), ...mappings].join(", ");
}

function showGroup({ ip, type, first, last }: { ip: string; type: string; first: number; last: number }): string {
  const range = first === last ? String(first) : `${first}-${last}`;
  return ip === "" ? `${range}/${type}` : `${bracketed(ip)}:${range}->${range}/${type}`;
}

export function bracketed(ip: string): string {
  return ip.includes(":") ? `[${ip}]` : ip;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
