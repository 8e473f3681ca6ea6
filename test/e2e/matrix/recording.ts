import { readFileSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { isDeepStrictEqual } from "node:util";

/** What an engine answered: attempts by the member or operation that they try, and those of one answer together. */
export interface Recording {
  engine: string;
  /** What the answers depend on beside the engine. */
  machine: string;
  /** Of inspect, for a container of which nothing is asked. */
  plain: unknown;
  groups: Record<string, Group[]>;
}

/** An outcome, and the keys of the attempts that had it. */
export type Group = readonly [outcome: unknown, keys: readonly string[]];

/** Reads what `writeRecording` wrote. */
export function readRecording(file: string): Recording {
  return JSON.parse(readFileSync(file, "utf8")) as Recording; // by our own hand
}

/** One line for each distinct outcome of a member or operation, so that a change of one is a change of a line. */
export function writeRecording(file: string, { groups, ...rest }: Recording): void {
  const sections = Object.entries(groups).map(
    ([name, rows]) => `${JSON.stringify(name)}: [\n${rows.map((row) => JSON.stringify(row)).join(",\n")}\n]`,
  );
  const head = Object.entries(rest).map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  writeFileSync(file, `{\n${[...head, `"groups": {\n${sections.join(",\n")}\n}`].join(",\n")}\n}\n`);
}

/** Outcomes by key, grouped. */
export function grouped(outcomes: ReadonlyArray<readonly [key: string, outcome: unknown]>): Group[] {
  const groups: Array<[unknown, string[]]> = [];
  for (const [key, outcome] of outcomes) {
    const said = compact(outcome);
    const group = groups.find(([other]) => isDeepStrictEqual(other, said));
    if (group === undefined) groups.push([said, [key]]);
    else group[1].push(key);
  }
  return groups;
}

/** A value as a client reads it: members in one order, and those that say nothing (null, zero, empty) left out. */
export function compact(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map((item) => compact(item) ?? null);
  if (typeof value !== "object" || value === null) return value || undefined;
  const members = Object.entries(value)
    .map(([key, member]): [string, unknown] => [key, compact(member)])
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return members.length === 0 ? undefined : Object.fromEntries(members);
}

/** How many CPUs there are, and which capabilities: limits and refusals follow from them. */
export function thisMachine(): string {
  const capabilities = /^CapEff:\s*(\w+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
  return `${cpus().length} CPUs, capabilities ${capabilities}`;
}
