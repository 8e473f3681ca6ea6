/**
 * Runs docker's command with every flag of its commands for containers on the real engine, and writes what came of it to
 * test/fixtures/flags.json. The engine is to be one that nobody else uses.
 * `tools/bun tools/record-flags.ts SOCKET [PREFIX…]`; without prefixes of sections ("container cp --quiet"), all are
 * recorded.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FlagRuns } from "../test/e2e/flags/run-flags.ts";
import { SECTIONS } from "../test/e2e/flags/sections.ts";
import { inParallel } from "../test/e2e/matrix/pool.ts";
import { grouped, readRecording, thisMachine, writeRecording } from "../test/e2e/matrix/recording.ts";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";

const [socket, ...only] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: tools/bun tools/record-flags.ts SOCKET [PREFIX…]");
const target = process.env["FLAGS_TARGET"] ?? new URL("../test/fixtures/flags.json", import.meta.url).pathname;

await apiCall(socket, "POST", "/images/load?quiet=1", busyboxArchive(), { "Content-Type": "application/x-tar" });
const { Version: engine } = (await apiCall(socket, "GET", "/version", undefined)).json as { Version: string }; // its shape
const config = await mkdtemp(join(tmpdir(), "berth-record-"));
try {
  const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
  await using runs = await FlagRuns.on(socket);
  const known = only.length > 0 ? readRecording(target).groups : {};
  const groups: typeof known = {};
  for (const [section, attempts] of SECTIONS) {
    const isWanted = only.length === 0 || only.some((name) => section.startsWith(name));
    if (!isWanted) {
      const kept = known[section];
      if (kept !== undefined) groups[section] = kept;
      continue;
    }
    const made = await inParallel(attempts, 4, async (attempt) => {
      const outcome = await runs.attempt(attempt, { name: "docker", file: "docker", env }).catch((error: unknown) => {
        console.error(`${section}: ${attempt.key}: ${String(error)}`);
        return "(failed)";
      });
      return [attempt.key, outcome] as const;
    });
    groups[section] = grouped(made);
    console.log(`${section}: ${attempts.length}`);
  }
  writeRecording(target, { engine, machine: thisMachine(), plain: null, groups });
} finally {
  await rm(config, { recursive: true });
}
