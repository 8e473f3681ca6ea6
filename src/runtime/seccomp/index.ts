import { createHash } from "node:crypto";
import type { SeccompSpec } from "../../spec/index.ts";
import { thisMachine } from "./architectures.ts";
import { compileSeccomp, type SeccompProgram } from "./compile.ts";
import { DEFAULT_PROFILE } from "./default-profile.ts";
import { resolveProfile } from "./profile.ts";

export { parseProfile, resolveProfile } from "./profile.ts";
export type { SeccompProgram } from "./compile.ts";

/** Docker's default profile for a container with this bounding set. One object for each set, so that programs are found again fast. */
export function resolveDefaultProfile(capabilities: readonly string[]): SeccompSpec | undefined {
  const key = [...capabilities].sort().join(" ");
  const known = defaults.get(key);
  if (known !== undefined) return known;
  const made = resolveProfile(DEFAULT_PROFILE, { capabilities });
  if (made !== undefined) remember(defaults, key, made);
  return made;
}

/**
 * A profile's program for this machine, compiled once.
 * @throws invalid with runc's text for what cannot be compiled.
 */
export function seccompProgram(spec: SeccompSpec): SeccompProgram {
  const same = bySpec.get(spec);
  if (same !== undefined) return same;
  const hash = createHash("sha256").update(JSON.stringify(spec)).digest("hex");
  const program = byHash.get(hash) ?? compileSeccomp(spec, thisMachine());
  remember(byHash, hash, program);
  bySpec.set(spec, program);
  return program;
}

const LIMIT = 64;
const defaults = new Map<string, SeccompSpec>();
const byHash = new Map<string, SeccompProgram>();
const bySpec = new WeakMap<SeccompSpec, SeccompProgram>();

/** Keeps the newest few: profiles come from requests, so their number has no bound. */
function remember<T>(cache: Map<string, T>, key: string, value: T): void {
  cache.set(key, value);
  const [oldest] = cache.keys();
  if (cache.size > LIMIT && oldest !== undefined) cache.delete(oldest);
}
