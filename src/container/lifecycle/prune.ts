import type { Filters } from "../../api/index.ts";
import { conflict, invalid, isKind } from "../../base/index.ts";
import type { ContainerEntry } from "../entry.ts";
import { invalidFilter } from "../errors.ts";
import { hasLabel } from "../query/filters.ts";
import { isUp } from "../state.ts";

/** Which stopped containers a prune takes: `until`, `label`, `label!`. @throws invalid for others. */
export function pruneTest(filters: Filters, now: bigint): (entry: ContainerEntry) => boolean {
  for (const name of filters.keys()) if (!["until", "label", "label!"].includes(name)) throw invalidFilter(name);
  const [until, ...more] = filters.get("until") ?? [];
  if (more.length > 0) throw invalid("more than one until filter specified");
  const before = until === undefined ? undefined : parseInstant(until, now);
  return ({ state, record, removing }) => {
    const labels = record.config.Labels ?? {};
    if (isUp(state) || removing) return false;
    if (before !== undefined && BigInt(record.createdAt) >= before) return false;
    if (!(filters.get("label") ?? []).every((label) => hasLabel(labels, label))) return false;
    return (filters.get("label!") ?? []).every((label) => !hasLabel(labels, label));
  };
}

const UNITS: Record<string, number> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A duration back from now (`24h`), seconds since 1970, or RFC 3339 in its shorter forms. @throws invalid. */
export function parseInstant(text: string, now: bigint): bigint {
  const duration = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)];
  if (duration.length > 0 && duration.map(([whole]) => whole).join("") === text) {
    const total = duration.reduce((sum, [, number, unit]) => sum + Number(number) * (UNITS[unit ?? ""] ?? 0), 0);
    return now - BigInt(Math.round(total * 1e6));
  }
  const seconds = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (seconds !== null) return BigInt(seconds[1] ?? 0) * 1_000_000_000n + BigInt((seconds[2] ?? "").padEnd(9, "0"));
  const at = Date.parse(/T/.test(text) ? text : `${text}T00:00:00`);
  if (Number.isNaN(at)) throw invalid(`failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return BigInt(at) * 1_000_000n;
}

/** One prune at a time. */
export class PruneGate {
  #busy = false;

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#busy) throw conflict("a prune operation is already running");
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }
}

/** Gone or busy meanwhile: not this prune's any more. */
export function isTaken(error: unknown): boolean {
  return isKind(error, "not-found") || isKind(error, "conflict");
}
