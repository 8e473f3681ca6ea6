import { isDeepStrictEqual } from "node:util";
import { attemptsAt, FIELDS } from "../matrix/cases.ts";
import type { Recording } from "../matrix/recording.ts";
import type { CreateAttempt } from "../matrix/types.ts";
import { EFFECT_SCRIPT } from "./script.ts";

/** Attempts whose containers are not started, and why. */
export const NOT_STARTED: ReadonlyArray<{ keys: RegExp; reason: string }> = [
  { keys: /"HostPort":"(?!0?")|HostPort="(?!0?")/, reason: "the port may be somebody else's on this host" },
  { keys: /^\w+\.\{"(\w+)":.*,"[a-z0-9]+":(?!.*"[A-Z]).*\}$/, reason: "what is said last is started by itself" },
  { keys: /^ContainerCreateBody\.Env=\["PATH=\/x"\]$/, reason: "it would find nothing to tell anything with" },
  { keys: /… \(\d+\)$/, reason: "what is too long is told at the create, or by the kernel" },
  { keys: /^(?!HostConfig\.).* against /, reason: "what they come to is started by itself" },
  { keys: /^EndpointIPAMConfig\.IPv4Address=/, reason: "one address is for one container at a time" },
  { keys: / against the host's network$/, reason: "refused: Docker puts an interface among the host's" },
  { keys: /^HostConfig\.GroupAdd=\[""\]/, reason: "Docker breaks the connection off" },
  { keys: /\[null\]/, reason: "Docker breaks the connection off for a device that is none" },
  { keys: /^HealthConfig\./, reason: "checks run meanwhile; tests of their own look at them" },
  {
    keys: /^HostConfig\.\W*(Memory|MemoryReservation|KernelMemory)\W*[=:]\D*(\d{1,7}|-?\d{16,})\b/,
    reason: "too little to tell anything in",
  },
  {
    keys: /^HostConfig\.(PidsLimit=1|\{"PidsLimit":-1,"pidslimit":1\}|NanoCpus=1(0{7})?|CpuQuota=1000|.*"CpuQuota":1000)\b/,
    reason: "too little to tell anything in",
  },
  {
    keys: /^HostConfig\.(?!CapAdd|CapDrop|SecurityOpt|Devices|DeviceCgroupRules|MaskedPaths|ReadonlyPaths|ReadonlyRootfs|CgroupnsMode|UsernsMode|Tmpfs|ShmSize).* against privileges$/,
    reason: "what they come to is started by itself",
  },
  {
    keys: /^HostConfig\..* against (a network of another|namespaces of the host)$/,
    reason: "what they come to is started by itself, and beside privileges",
  },
  {
    keys: /^HostConfigUlimitsItem\.|^HostConfig\.\W*Ulimits.*"Soft":1,/,
    reason: "too few files to tell anything with",
  },
];

/**
 * The attempts of the matrix that a container comes of which is not as it is without them, as the real engine told: what
 * becomes of it when it is started with the script is compared. Of attempts that inspect cannot tell apart, one is enough.
 * By the member that they are attempts at.
 */
export function effectAttempts({ groups }: Recording): Map<string, CreateAttempt[]> {
  const sections = Object.entries(FIELDS).flatMap(([shape, members]) =>
    Object.entries(members).map(([member, row]) => {
      const section = `${shape}.${member}`;
      const telling = (groups[section] ?? []).filter(([outcome]) => isTelling(outcome));
      const all = attemptsAt(shape, member, row).filter(({ key, start }) => !start && isStarted(key));
      const kept = telling
        .map(([, keys]) => all.find(({ key }) => keys.includes(key)))
        .filter((each) => each !== undefined);
      return [section, kept.map((attempt) => withScript(section, attempt))] as const;
    }),
  );
  return new Map(sections.filter(([, attempts]) => attempts.length > 0));
}

function isStarted(key: string): boolean {
  return !NOT_STARTED.some(({ keys }) => keys.test(key));
}

function isTelling(outcome: unknown): boolean {
  const { status, inspect, warnings } = (outcome ?? {}) as { status?: number; inspect?: object; warnings?: object }; // as it was written
  return status === 201 && (inspect !== undefined || warnings !== undefined);
}

/** With the script as its command, unless the command is what is tried. */
function withScript(section: string, attempt: CreateAttempt): CreateAttempt {
  const isUsual = section !== "ContainerCreateBody.Cmd" && isDeepStrictEqual(attempt.body["Cmd"], ["true"]);
  return isUsual ? { ...attempt, body: { ...attempt.body, Cmd: ["sh", "-c", EFFECT_SCRIPT] } } : attempt;
}

/** Members that no container is started for, and why. */
export const WITHOUT_EFFECT: Readonly<Record<string, string>> = {
  ...reasonFor("what is within it is tried", [
    "ContainerCreateBody.ExposedPorts",
    "ContainerCreateBody.HostConfig",
    "ContainerCreateBody.NetworkingConfig",
  ]),
  ...reasonFor("tests of checks of their own look at it", [
    "HealthConfig.Test",
    "HealthConfig.Interval",
    "HealthConfig.Timeout",
    "HealthConfig.Retries",
    "HealthConfig.StartPeriod",
    "HealthConfig.StartInterval",
  ]),
  ...reasonFor("no container comes of it, or none that is another", [
    "HostConfig.IOMaximumIOps",
    "HostConfig.IOMaximumBandwidth",
    "HostConfig.StorageOpt",
    "HostConfig.KernelMemory",
  ]),
  ...reasonFor("the matrix starts containers with it", [
    "HostConfigUlimitsItem.Name",
    "HostConfigUlimitsItem.Soft",
    "HostConfigUlimitsItem.Hard",
  ]),
  ...reasonFor("tests of networks look at it", ["EndpointIPAMConfig.IPv4Address"]),
};

function reasonFor(reason: string, members: readonly string[]): Record<string, string> {
  return Object.fromEntries(members.map((member) => [member, reason]));
}
