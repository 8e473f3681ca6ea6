import { shapes } from "../../../src/api/generated/bodies.ts";
import { CONFIG_FIELDS } from "./config-fields.ts";
import { FRAMES } from "./frames.ts";
import { HOST_FIELDS } from "./host-fields.ts";
import { MOUNT_FIELDS } from "./mount-fields.ts";
import type { CreateAttempt, FieldRow, FieldTable } from "./types.ts";
import { wrongValues } from "./wrong-types.ts";

export const FIELDS: FieldTable = { ...CONFIG_FIELDS, ...HOST_FIELDS, ...MOUNT_FIELDS };

const RUNS_NOTHING = { Image: "busybox:local", Cmd: ["true"] };

/** Every attempt at a member of a shape: each value of its row, each wrong type, null, and what it is set with. */
export function attemptsAt(shape: string, member: string, row: FieldRow): CreateAttempt[] {
  const type = shapes[shape]?.[member] ?? "";
  const frame = FRAMES[shape] ?? ((members) => members);
  const alone = [...row.values, ...wrongValues(type), null].map((value) => ({ [member]: value }));
  const attempts = [...alone, ...(row.together ?? [])].map((set) => ({
    key: `${shape}.${keyOf(set)}`,
    body: { ...RUNS_NOTHING, ...frame(set) },
    start: false,
  }));
  const runs = (row.runs ?? []).map(({ set, script }) => ({
    key: `${shape}.${keyOf(set)} start${script === undefined ? "" : `: ${script}`}`,
    body: { ...RUNS_NOTHING, ...(script === undefined ? {} : { Cmd: ["sh", "-c", script] }), ...frame(set) },
    start: true,
  }));
  // A value may stand in the row and follow from the type.
  return [...new Map([...attempts, ...runs].map((each) => [each.key, each])).values()];
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

function keyOf(set: Record<string, unknown>): string {
  const [[name, value] = ["", undefined], ...more] = Object.entries(set);
  const text = more.length === 0 ? `${name}=${JSON.stringify(value)}` : JSON.stringify(set);
  return text.length <= 160 ? text : `${text.slice(0, 120)}… (${text.length})`;
}
