import type { Outcome } from "./types.ts";

const RULES: ReadonlyArray<[RegExp, string]> = [
  [/\b[0-9a-f]{64}\b/g, "<id>"],
  // Where an engine keeps a container's layers.
  [/\/[\w/.-]+\/overlay2\/<id>\/merged\b/g, "<rootfs>"],
  [/\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*[0-9])[0-9a-f]{12}\b/g, "<short-id>"],
  [/\b\d{10}\.\d{9}\b/g, "<timestamp>"],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, "<time>"],
  [/\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b/g, "<mac>"],
  // A pid in the first column of `top`, with its padding.
  [/^\d+ +(?=sleep )/gm, "<pid> "],
];

/** Replaces what differs between any two runs, and the case's own prefix. */
export function normalise(outcome: Outcome, prefix: string, port: string): Outcome {
  const clean = (text: string) =>
    RULES.reduce(
      (sum, [pattern, name]) => sum.replace(pattern, name),
      text.replaceAll(prefix, "{name}").replaceAll(port, "{port}"),
    );
  return { code: outcome.code, stdout: clean(outcome.stdout), stderr: clean(outcome.stderr) };
}
