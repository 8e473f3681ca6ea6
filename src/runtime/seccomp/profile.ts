import { release } from "node:os";
import { messageOf, unknown } from "../../base/index.ts";
import type { SeccompRule, SeccompSpec } from "../../spec/index.ts";
import { nativeArchitecture, profileArchitecture, thisMachine, type Machine } from "./architectures.ts";

/** Docker's profile format: the runtime spec's, with rules that depend on architecture, capabilities and kernel. */
export interface SeccompProfile {
  defaultAction: string;
  defaultErrnoRet?: number;
  architectures?: string[];
  archMap?: Array<{ architecture: string; subArchitectures: string[] }>;
  flags?: string[];
  syscalls: ProfileRule[];
}

export interface ProfileRule extends SeccompRule {
  includes?: RuleFilter;
  excludes?: RuleFilter;
}

interface RuleFilter {
  arches?: string[];
  caps?: string[];
  /** `major.minor` */
  minKernel?: string;
}

/** What a profile is resolved for. */
export interface ProfileTarget {
  /** The bounding set. */
  capabilities: readonly string[];
  machine?: Machine;
  /** `uname -r` */
  kernel?: string;
}

/**
 * The runtime spec's form of a profile for a container with these capabilities.
 * @returns undefined for a profile that says nothing: seccomp is then off, as in Docker.
 * @throws unknown (Docker answers 500) with Docker's texts.
 */
export function resolveProfile(profile: SeccompProfile, target: ProfileTarget): SeccompSpec | undefined {
  const { machine = thisMachine(), kernel = release(), capabilities } = target;
  if (profile.defaultAction === "" && profile.syscalls.length === 0) return undefined;
  const { archMap = [], architectures = [] } = profile;
  if (archMap.length > 0 && architectures.length > 0) {
    throw unknown(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  }
  const mapped = archMap.find(({ architecture }) => architecture === nativeArchitecture(machine));
  const facts = { architecture: profileArchitecture(machine), capabilities, kernel };
  return {
    defaultAction: profile.defaultAction,
    ...(profile.defaultErrnoRet !== undefined && { defaultErrnoRet: profile.defaultErrnoRet }),
    architectures: mapped === undefined ? architectures : [mapped.architecture, ...mapped.subArchitectures],
    ...(profile.flags !== undefined && { flags: profile.flags }),
    syscalls: profile.syscalls.filter((rule) => applies(rule, facts)).map(withoutFilters),
  };
}

interface Facts {
  architecture: string;
  capabilities: readonly string[];
  kernel: string;
}

function applies({ includes = {}, excludes = {} }: ProfileRule, facts: Facts): boolean {
  const has = (capability: string) => facts.capabilities.includes(capability);
  if (excludes.arches?.includes(facts.architecture) === true) return false;
  if (excludes.caps?.some(has) === true) return false;
  if (excludes.minKernel !== undefined && kernelAtLeast(facts.kernel, excludes.minKernel)) return false;
  if (includes.arches !== undefined && includes.arches.length > 0 && !includes.arches.includes(facts.architecture)) {
    return false;
  }
  if (includes.caps?.every(has) === false) return false;
  return includes.minKernel === undefined || kernelAtLeast(facts.kernel, includes.minKernel);
}

function withoutFilters({ includes: _includes, excludes: _excludes, ...rule }: ProfileRule): SeccompRule {
  return rule;
}

function kernelAtLeast(kernel: string, wanted: string): boolean {
  const [major = 0, minor = 0] = kernel.split(/[.-]/).map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = wanted.split(".").map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}

/**
 * Reads a user's profile (`--security-opt seccomp=…`).
 * @throws unknown (Docker answers 500) with Docker's text when it is no profile.
 */
export function parseProfile(json: string): SeccompProfile {
  let document: unknown;
  try {
    document = JSON.parse(json);
  } catch (error) {
    throw decoding(messageOf(error));
  }
  const { defaultAction, defaultErrnoRet, architectures, archMap, flags, syscalls } = object(document, "profile");
  return {
    defaultAction: defaultAction === undefined ? "" : text(defaultAction, "defaultAction"),
    ...(given(defaultErrnoRet) && { defaultErrnoRet: whole(defaultErrnoRet, "defaultErrnoRet") }),
    ...(given(architectures) && { architectures: texts(architectures, "architectures") }),
    ...(given(archMap) && { archMap: list(archMap, "archMap").map(parseArchitectures) }),
    ...(given(flags) && { flags: texts(flags, "flags") }),
    syscalls: given(syscalls) ? list(syscalls, "syscalls").map(parseRule) : [],
  };
}

function parseArchitectures(value: unknown) {
  const { architecture, subArchitectures } = object(value, "archMap");
  return {
    architecture: text(architecture, "archMap.architecture"),
    subArchitectures: given(subArchitectures) ? texts(subArchitectures, "archMap.subArchitectures") : [],
  };
}

function parseRule(value: unknown): ProfileRule {
  const { name, names, action, errnoRet, args, includes, excludes } = object(value, "syscalls");
  const many = given(names) ? texts(names, "syscalls.names") : [];
  const one = given(name) ? text(name, "syscalls.name") : "";
  if (one !== "" && many.length > 0) {
    throw unknown("both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'");
  }
  return {
    names: one === "" ? many : [one],
    action: text(action ?? "", "syscalls.action"),
    ...(given(errnoRet) && { errnoRet: whole(errnoRet, "syscalls.errnoRet") }),
    ...(given(args) && { args: list(args, "syscalls.args").map(parseCondition) }),
    ...(given(includes) && { includes: parseFilter(includes, "syscalls.includes") }),
    ...(given(excludes) && { excludes: parseFilter(excludes, "syscalls.excludes") }),
  };
}

function parseCondition(value: unknown) {
  const { index, value: datum, valueTwo, op } = object(value, "syscalls.args");
  return {
    index: whole(index ?? 0, "syscalls.args.index"),
    value: whole(datum ?? 0, "syscalls.args.value"),
    ...(given(valueTwo) && { valueTwo: whole(valueTwo, "syscalls.args.valueTwo") }),
    op: text(op ?? "", "syscalls.args.op"),
  };
}

function parseFilter(value: unknown, field: string): RuleFilter {
  const { arches, caps, minKernel } = object(value, field);
  return {
    ...(given(arches) && { arches: texts(arches, `${field}.arches`) }),
    ...(given(caps) && { caps: texts(caps, `${field}.caps`) }),
    ...(given(minKernel) && { minKernel: kernelVersion(minKernel) }),
  };
}

function kernelVersion(value: unknown): string {
  const version = text(value, "minKernel");
  if (/^[1-9]\d*\.\d+$/.test(version)) return version;
  throw decoding(`invalid kernel version: expected <kernel>.<major>, got "${version}"`);
}

const decoding = (detail: string) => unknown(`Decoding seccomp profile failed: ${detail}`);

/** JSON's null is Go's zero value: as if the field were not there. */
const given = (value: unknown): boolean => value !== undefined && value !== null;

function object(value: unknown, field: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrongType(value, field, "an object");
  return value as Record<string, unknown>; // any object's keys are strings; its values stay unknown
}

function list(value: unknown, field: string): unknown[] {
  if (!Array.isArray(value)) throw wrongType(value, field, "a list");
  return value;
}

function text(value: unknown, field: string): string {
  if (typeof value !== "string") throw wrongType(value, field, "a string");
  return value;
}

const texts = (value: unknown, field: string) => list(value, field).map((item) => text(item, field));

function whole(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0) {
    throw wrongType(value, field, "a whole number");
  }
  return value;
}

const wrongType = (value: unknown, field: string, wanted: string) =>
  decoding(
    `${field}: expected ${wanted}, got ${value === null ? "null" : Array.isArray(value) ? "a list" : typeof value}`,
  );
