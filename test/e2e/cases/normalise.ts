import type { Outcome } from "./types.ts";

const RULES: ReadonlyArray<[RegExp, string]> = [
  [/\b[0-9a-f]{64}\b/g, "<id>"],
  // Where an engine keeps a container's layers.
  [/\/[\w/.-]+\/overlay2\/<id>\/merged\b/g, "<rootfs>"],
  // And volumes.
  [/\/[\w/.-]+(?=\/volumes\/(?:[\w.-]|\{name\})+\/_data)/g, "<data-root>"],
  [/\bid:"[0-9a-f]{12}"/g, 'id:"<short-id>"'],
  [/\bveth[0-9a-f]{7}\b/g, "<veth>"],
  // Of a container among the names that others find it by.
  [/"[0-9a-f]{12}"/g, '"<short-id>"'],
  // The index of an interface, and of its other end.
  [/^\d+: (\w+)@if\d+:/gm, "<index>: $1@<index>:"],
  // How many processors the machine has.
  [/\bavailable: 0(-\d+)?/g, "available: <cpus>"],
  [/\bto \d+\.\d\d, as there are only \d+ CPUs/g, "to <n>, as there are only <n> CPUs"],
  [/\b\d{10}\.\d{9}\b/g, "<timestamp>"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "<mac>"],
  // A pid in the first column of `top`, with its padding.
  [/^\d+ +(?=sleep )/gm, "<pid> "],
];

/** Replaces what differs between any two runs, and the case's own prefix. */
export function normalise(outcome: Outcome, prefix: string, port: string): Outcome {
  // The port comes last: its digits may well stand in an id.
  const rules = [...RULES, [new RegExp(`\\b${port}\\b`, "g"), "{port}"] as const];
  const clean = (text: string) =>
    rules.reduce((sum, [pattern, name]) => sum.replace(pattern, name), text.replaceAll(prefix, "{name}"));
  return { code: outcome.code, stdout: clean(outcome.stdout), stderr: clean(outcome.stderr) };
}
