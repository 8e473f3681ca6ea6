import { shapes } from "../../../src/api/generated/bodies.ts";
import { boundaryValues } from "./boundaries.ts";
import { CONFIG_FIELDS } from "./config-fields.ts";
import { FRAMES } from "./frames.ts";
import { HOST_FIELDS } from "./host-fields.ts";
import { MOUNT_FIELDS } from "./mount-fields.ts";
import { RIVALS } from "./rivals.ts";
import type { CreateAttempt, FieldRow, FieldTable } from "./types.ts";
import { wrongValues } from "./wrong-types.ts";

export const FIELDS: FieldTable = { ...CONFIG_FIELDS, ...HOST_FIELDS, ...MOUNT_FIELDS };

type Body = Record<string, unknown>;

const RUNS_NOTHING = { Image: "busybox:local", Cmd: ["true"] };

/**
 * Every attempt at a member of a shape: each value of its row, each of a wrong type, those at the bounds of its type, null,
 * and what contradicts it: the members that its row names, the rivals of its shape, and itself, spelled in another way.
 */
export function attemptsAt(shape: string, member: string, row: FieldRow): CreateAttempt[] {
  const type = shapes[shape]?.[member] ?? "";
  const frame = FRAMES[shape] ?? ((members) => members);
  const alone = [...row.values, ...wrongValues(type), ...boundaryValues(type), null].map((value) => ({
    [member]: value,
  }));
  const telling = row.values.filter((value) => !saysNothing(value));
  const [usual, other = null] = [...telling, ...row.values];
  const twice = { [member]: usual, [member.toLowerCase()]: other };
  const attempts = [...alone, ...(row.together ?? []), twice].map((set) => ({
    key: `${shape}.${keyOf(set)}`,
    body: { ...RUNS_NOTHING, ...frame(set) },
    start: false,
  }));
  const against = Object.entries(RIVALS[shape] ?? {}).map(([name, rival]) => ({
    key: `${shape}.${keyOf({ [member]: usual })} against ${name}`,
    body: merged({ ...RUNS_NOTHING, ...frame({ [member]: usual }) }, rival),
    start: false,
  }));
  const runs = (row.runs ?? []).map(({ set, script }) => ({
    key: `${shape}.${keyOf(set)} start${script === undefined ? "" : `: ${script}`}`,
    body: { ...RUNS_NOTHING, ...(script === undefined ? {} : { Cmd: ["sh", "-c", script] }), ...frame(set) },
    start: true,
  }));
  // A value may stand in the row and follow from the type.
  return [...new Map([...attempts, ...against, ...runs].map((each) => [each.key, each])).values()];
}

/** Shapes that a create body is made of, each with its members. */
export function membersOfCreate(): Array<{ shape: string; member: string; type: string }> {
  const found = new Map<string, Array<{ shape: string; member: string; type: string }>>();
  const visit = (shape: string) => {
    if (found.has(shape)) return;
    const members = Object.entries(shapes[shape] ?? {}).map(([member, type]) => ({ shape, member, type }));
    found.set(shape, members);
    for (const { type } of members) {
      const inner = type.replace(/^(\[\]|map\[string\])+/, "");
      if (Object.hasOwn(shapes, inner)) visit(inner);
    }
  };
  visit("ContainerCreateBody");
  return [...found.values()].flat();
}

function saysNothing(value: unknown): boolean {
  return !value || (typeof value === "object" && Object.keys(value).length === 0);
}

/** A body with members of another added, those of HostConfig too; the other's count where both have one. */
function merged(body: Body, other: Body): Body {
  const host = { ...(body["HostConfig"] as Body | undefined), ...(other["HostConfig"] as Body | undefined) }; // objects, in every frame and rival
  return { ...body, ...other, ...(Object.keys(host).length === 0 ? {} : { HostConfig: host }) };
}

/** What stands in a key for members that are set: the same in every run, and not too long. */
export function keyOf(set: Record<string, unknown>): string {
  const [[name, value] = ["", undefined], ...more] = Object.entries(set);
  const text = more.length === 0 ? `${name}=${JSON.stringify(value)}` : JSON.stringify(set);
  return text.length <= 160 ? text : `${text.slice(0, 120)}… (${text.length})`;
}
