import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isDeepStrictEqual } from "node:util";
import { BERTH, ROOT, startEngine, type TestEngine } from "../../support/engine.ts";
import { inventory } from "../../support/host.ts";
import { output } from "../../support/process.ts";
import { recordedWithSuchCgroups, settledInventory } from "../../support/recordings.ts";
import { differences } from "../matrix/compare.ts";
import type { MatrixDifference } from "../matrix/differences.ts";
import { inParallel } from "../matrix/pool.ts";
import { compact, readRecording, thisMachine } from "../matrix/recording.ts";
import { FLAG_DIFFERENCES, SILENT } from "./differences.ts";
import { boundsOf, wrongOf } from "./kinds.ts";
import { containerRows } from "./reference.ts";
import { type FlagProgram, FlagRuns } from "./run-flags.ts";
import { plainSection, SECTIONS } from "./sections.ts";
import type { FlagAttempt, FlagOutcome } from "./types.ts";

const recorded = readRecording(`${ROOT}/test/fixtures/flags.json`);
const recordedOutcomes = new Map(
  Object.entries(recorded.groups).map(([section, groups]) => [
    section,
    new Map(groups.flatMap(([outcome, keys]) => keys.map((key) => [key, outcome] as const))),
  ]),
);
const commands = [...new Set(containerRows().map(({ command }) => command))];
/** Milliseconds; a command is up to two thousand lines. */
const PATIENCE = 1_200_000;
const used = new Set<MatrixDifference>();

const version = await output("docker", ["--version"]).catch(() => "no docker CLI");
const comparable = version.includes("version 28.");
if (!comparable) console.log(`docker's command left out: recorded with its version 28, this machine has ${version}`);

function recordedOnSuchAMachine(): boolean {
  const same = thisMachine() === recorded.machine;
  if (!same) console.log(`skipped: recorded with ${recorded.machine}, this machine has ${thisMachine()}`);
  return same;
}

describe.skipIf(!recordedWithSuchCgroups() || !recordedOnSuchAMachine())(
  "as docker's command on the real engine",
  () => {
    let engine: TestEngine;
    let runs: FlagRuns;
    let before: string[];
    let programs: FlagProgram[];
    const berths = new Map<string, unknown>();

    beforeAll(async () => {
      engine = await startEngine();
      before = await inventory(engine);
      runs = await FlagRuns.on(engine.socket);
      const env = {
        ...engine.clientEnv(),
        BERTH_HOST: "",
        HOME: engine.folder,
        DOCKER_CONFIG: `${engine.folder}/client`,
      };
      programs = [
        { name: "berth", file: BERTH, env },
        ...(comparable ? [{ name: "docker", file: "docker", env } as const] : []),
      ];
    });
    afterAll(() => engine[Symbol.asyncDispose]());

    for (const command of commands) {
      test(
        command,
        async () => {
          const sections = [...SECTIONS].filter(([, attempts]) => attempts[0]?.of.command === command);
          const all = sections.flatMap(([section, attempts]) => attempts.map((attempt) => ({ section, attempt })));
          const lines = await inParallel(all, 4, async ({ section, attempt }) => await compared(section, attempt));
          expect(lines.flat().filter((line) => !isExplained(line))).toEqual([]);
          for (const [section, attempts] of sections) {
            const keys = attempts.map(({ key }) => key);
            expect([...(recordedOutcomes.get(section)?.keys() ?? [])].filter((key) => !keys.includes(key))).toEqual([]);
          }
        },
        PATIENCE,
      );
    }

    test("each flag works, is refused with a text, or is ignored with a warning", () => {
      const silent = [...SECTIONS].flatMap(([section, attempts]) => {
        const [valid] = attempts;
        if (valid === undefined || section === plainSection(valid.of)) return [];
        const got = berths.get(`${section} ${valid.key}`);
        return isDeepStrictEqual(got, berths.get(`${plainSection(valid.of)} no flag`)) ? [section] : [];
      });
      expect(silent.sort()).toEqual([...SILENT.keys()].sort());
    });

    test("nothing of the attempts is left on the host", async () => {
      await runs[Symbol.asyncDispose]();
      expect(await settledInventory(engine, before)).toEqual(before);
    });

    test("each listed difference is one", () => {
      const unused = FLAG_DIFFERENCES.filter((each) => !used.has(each) && (comparable || each.lines.test("berth: ")));
      expect(unused.map(({ lines }) => lines)).toEqual([]);
    });

    /** What either command's outcome differs in from the record; docker's is left out where it asks the engine nothing new. */
    async function compared(section: string, attempt: FlagAttempt): Promise<string[]> {
      const wanted = recordedOutcomes.get(section)?.get(attempt.key);
      const lines: string[] = [];
      const isForBoth = attempt.local === undefined && attempt.ofType === undefined;
      for (const program of isForBoth ? programs : programs.slice(0, 1)) {
        const outcome: FlagOutcome = await runs.attempt(attempt, program);
        if (program.name === "berth") berths.set(`${section} ${attempt.key}`, compact(outcome));
        const name = `${program.name}: ${attempt.of.command.replace("container ", "")} ${attempt.key}`;
        lines.push(
          ...(recordedOutcomes.get(section)?.has(attempt.key) === true
            ? differences(name, outcome, wanted ?? {})
            : [`${name}: not recorded`]),
        );
      }
      return lines;
    }
  },
);

test("each flag of the reference is tried, and each command without one", () => {
  const rows = containerRows().map(({ command, flag }) => `${command} ${flag}`);
  const flags = rows.filter((row) => row.includes(" --"));
  expect(flags.filter((flag) => !SECTIONS.has(flag))).toEqual([]);
  const plain = [...SECTIONS.values()].flatMap((attempts) => attempts.map(({ of, key }) => `${of.command}: ${key}`));
  expect(commands.filter((command) => !plain.includes(`${command}: no flag`))).toEqual([]);
});

test("each flag is tried with a valid value, at its bounds, of a wrong type, and against itself", () => {
  const missing = containerRows().flatMap(({ command, flag, short, type }) => {
    const attempts = SECTIONS.get(`${command} ${flag}`) ?? [];
    const [valid] = attempts;
    if (flag === "" || valid === undefined) return [];
    const isTried = (key: string) => outcomes?.has(key) === true || valid.of.untried?.includes(key) === true;
    const outcomes = recordedOutcomes.get(`${command} ${flag}`);
    const codeOf = (key: string) => (outcomes?.get(key) as { code?: number } | undefined)?.code ?? 0; // as a run wrote it
    const wrong = [
      ...wrongOf(type).map((value) => `${flag}=${value}`),
      ...(type === "bool" ? [] : [`${flag} last`, ...(short === "" ? [] : [`${short} last`])]),
    ];
    const kinds = {
      "with a valid value": outcomes?.has(valid.key) === true,
      "at its bounds": valid.of.brief === true || boundsOf(type).every((value) => isTried(`${flag}=${value}`)),
      "of a wrong type": wrong.every((key) => codeOf(key) !== 0),
      "against itself":
        valid.of.brief === true ||
        [...attempts.map(({ key }) => key), ...(valid.of.untried ?? [])].some((key) => key.split(flag).length > 2),
    };
    return Object.entries(kinds).flatMap(([kind, is]) => (is ? [] : [`${command} ${flag} is not tried ${kind}`]));
  });
  expect(missing).toEqual([]);
});

function isExplained(line: string): boolean {
  const reasons = FLAG_DIFFERENCES.filter((each) => each.lines.test(line));
  for (const each of reasons) used.add(each);
  return reasons.length > 0;
}
