import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isDeepStrictEqual } from "node:util";
import { shapes } from "../../../src/api/generated/bodies.ts";
import { containerOperations } from "../../../src/api/operations/containers.ts";
import { execOperations } from "../../../src/api/operations/exec.ts";
import { ROOT, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { recordedWithSuchCgroups, settledInventory } from "../../support/recordings.ts";
import { boundaryValues } from "./boundaries.ts";
import { attemptsAt, FIELDS, keyOf, membersOfCreate } from "./cases.ts";
import { differences } from "./compare.ts";
import { MATRIX_DIFFERENCES, type MatrixDifference } from "./differences.ts";
import { Matrix, SECTIONS } from "./matrix.ts";
import { operationKey, OPERATIONS } from "./operations.ts";
import { kindsOfParameter, parametersInKinds } from "./parameters.ts";
import { readRecording, thisMachine } from "./recording.ts";
import { RIVALS } from "./rivals.ts";
import { wrongValues } from "./wrong-types.ts";

const recorded = readRecording(`${ROOT}/test/fixtures/matrix.json`);
/** Milliseconds; a section is up to two hundred requests. */
const PATIENCE = 600_000;
const used = new Set<MatrixDifference>();

function recordedOnSuchAMachine(): boolean {
  const same = thisMachine() === recorded.machine;
  if (!same) console.log(`skipped: recorded with ${recorded.machine}, this machine has ${thisMachine()}`);
  return same;
}

describe.skipIf(!recordedWithSuchCgroups() || !recordedOnSuchAMachine())("as the real engine", () => {
  let engine: TestEngine;
  let matrix: Matrix;
  let before: string[];
  beforeAll(async () => {
    engine = await startEngine();
    before = await inventory(engine);
    matrix = await Matrix.on(engine.socket);
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test("a container of which nothing is asked", () => {
    expect(unexplained(differences("plain", { plain: matrix.plain }, { plain: recorded.plain }))).toEqual([]);
  });

  for (const section of SECTIONS) {
    test(
      section,
      async () => {
        const wanted = new Map(
          (recorded.groups[section] ?? []).flatMap(([outcome, keys]) => keys.map((key) => [key, outcome] as const)),
        );
        const outcomes = await matrix.run(section);
        expect(unexplained(outcomes.flatMap(([key, got]) => differences(key, got, wanted.get(key))))).toEqual([]);
        expect([...wanted.keys()].filter((key) => !outcomes.some(([tried]) => tried === key))).toEqual([]);
      },
      PATIENCE,
    );
  }

  test("nothing of the attempts is left on the host", async () => {
    await matrix[Symbol.asyncDispose]();
    expect(await settledInventory(engine, before)).toEqual(before);
  });

  test("each listed difference is one", () => {
    expect(MATRIX_DIFFERENCES.filter((each) => !used.has(each)).map(({ lines }) => lines)).toEqual([]);
  });
});

test("each member of a create body has a row, and each row a member", () => {
  const rows = Object.entries(FIELDS).flatMap(([shape, members]) =>
    Object.keys(members).map((name) => `${shape}.${name}`),
  );
  expect(rows.sort()).toEqual(
    membersOfCreate()
      .map(({ shape, member }) => `${shape}.${member}`)
      .sort(),
  );
});

test("each member of a create body is tried absent, valid, at its bounds, of a wrong type, and contradicted", () => {
  const missing = membersOfCreate().flatMap(({ shape, member, type }) => {
    const row = FIELDS[shape]?.[member];
    const section = `${shape}.${member}`;
    const groups = recorded.groups[section] ?? [];
    const statusOf = new Map(groups.flatMap(([outcome, keys]) => keys.map((key) => [key, statusIn(outcome)] as const)));
    const tried = row === undefined ? [] : attemptsAt(shape, member, row).map(({ key }) => key);
    const has = (set: Record<string, unknown>) => tried.includes(`${shape}.${keyOf(set)}`);
    const contradicted = tried.filter((key) => key.includes(" against ") || key.startsWith(`${shape}.{"`));
    const kinds = {
      absent: has({ [member]: null }),
      valid: tried.some((key) => statusOf.get(key) === 201 && !key.endsWith("=null")),
      "at its bounds":
        boundaryValues(type).length > 0 && boundaryValues(type).every((value) => has({ [member]: value })),
      "of a wrong type": wrongValues(type).length > 0 && wrongValues(type).every((value) => has({ [member]: value })),
      "refused of a wrong type": wrongValues(type).every(
        (value) => statusOf.get(`${shape}.${keyOf({ [member]: value })}`) === 400,
      ),
      contradicted: contradicted.length >= 1 + Object.keys(RIVALS[shape] ?? {}).length,
    };
    return Object.entries(kinds).flatMap(([kind, is]) => (is ? [] : [`${section} is not tried ${kind}`]));
  });
  expect(missing).toEqual([]);
});

test("each parameter of an operation is tried absent, at its bounds, of a wrong type, and contradicted", () => {
  const missing = parametersInKinds().flatMap(({ operation, param, type }) =>
    Object.entries(kindsOfParameter(operation, param, type)).flatMap(([kind, attempts]) => {
      const keys = attempts.map((attempt) => operationKey(attempt));
      return keys.every((key) => recordedKeys(operation).has(key))
        ? []
        : [`${operation} ${param} is not tried ${kind}`];
    }),
  );
  expect(missing).toEqual([]);
});

test("each member of an operation's body is tried absent, at its bounds, of a wrong type, and contradicted", () => {
  const missing = Object.entries({ ...containerOperations, ...execOperations }).flatMap(([operation, { body }]) => {
    if (body.kind !== "json" || body.name === "ContainerCreateBody") return [];
    const tried = (OPERATIONS[operation] ?? []).filter((attempt) => recordedKeys(operation).has(operationKey(attempt)));
    const has = (member: string, value: unknown) =>
      tried.some((attempt) => isDeepStrictEqual(attempt.body?.[member], value));
    return Object.entries(shapes[body.name] ?? {}).flatMap(([member, type]) => {
      const kinds = {
        absent: has(member, null) && tried.some((attempt) => !Object.hasOwn(attempt.body ?? {}, member)),
        "at its bounds": boundaryValues(type).every((value) => has(member, value)),
        "of a wrong type": wrongValues(type).every((value) => has(member, value)),
        contradicted: has(member.toLowerCase(), null),
      };
      return Object.entries(kinds).flatMap(([kind, is]) => (is ? [] : [`${operation} ${member} is not tried ${kind}`]));
    });
  });
  expect(missing).toEqual([]);
});

test("each attempt has a key of its own", () => {
  const creates = Object.entries(FIELDS).flatMap(([shape, members]) =>
    Object.entries(members).flatMap(([member, row]) => attemptsAt(shape, member, row).map(({ key }) => key)),
  );
  const operations = Object.entries(OPERATIONS).map(([name, attempts]) => ({
    name,
    keys: attempts.map((attempt) => operationKey(attempt)),
  }));
  for (const { name, keys } of [{ name: "create", keys: creates }, ...operations]) {
    expect(keys.filter((key, at) => keys.indexOf(key) !== at).map((key) => `${name} ${key}`)).toEqual([]);
  }
});

test("each parameter of a container's operation is tried, and each member of its body", () => {
  const rows = { ...containerOperations, ...execOperations };
  const untried = Object.entries(rows).flatMap(([operation, { query, body }]) => {
    const tried = OPERATIONS[operation] ?? [];
    const params = Object.keys(query).filter((param) => !tried.some(({ path }) => path.includes(`${param}=`)));
    const isCreate = body.kind === "json" && body.name === "ContainerCreateBody";
    const members = body.kind === "json" && !isCreate ? Object.keys(shapes[body.name] ?? {}) : [];
    const missing = members.filter((member) => !tried.some((each) => Object.hasOwn(each.body ?? {}, member)));
    return [
      ...(tried.length === 0 ? [operation] : []),
      ...[...params, ...missing].map((name) => `${operation} ${name}`),
    ];
  });
  expect(untried).toEqual([]);
});

function recordedKeys(section: string): Set<string> {
  return new Set((recorded.groups[section] ?? []).flatMap(([, keys]) => keys));
}

function statusIn(outcome: unknown): number | undefined {
  return (outcome as { status?: number }).status; // as a run wrote it
}

/** The lines for which no listed difference gives a reason. */
function unexplained(lines: readonly string[]): string[] {
  return lines.filter((line) => {
    const reasons = MATRIX_DIFFERENCES.filter((each) => each.lines.test(line));
    for (const each of reasons) used.add(each);
    return reasons.length === 0;
  });
}
