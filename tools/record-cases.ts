/**
 * Runs the CLI cases against the real engine and writes what it answered to test/fixtures/cases.json.
 * `tools/bun tools/record-cases.ts SOCKET`: a Docker engine that nobody else uses meanwhile.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CASES } from "../test/e2e/cases/cases.ts";
import { runCase } from "../test/e2e/cases/run-case.ts";
import { busyboxArchive } from "../test/support/images.ts";
import { output } from "../test/support/process.ts";

const [socket, ...only] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: tools/bun tools/record-cases.ts SOCKET [CASE…]");
const TARGET = new URL("../test/fixtures/cases.json", import.meta.url).pathname;
const config = await mkdtemp(join(tmpdir(), "berth-record-"));
const env = { DOCKER_HOST: `unix://${socket}`, DOCKER_CONFIG: config };
try {
  await output("docker", ["load", "-q"], { env, input: busyboxArchive() });
  const cli = await output("docker", ["version", "--format", "{{.Client.Version}}"], { env });
  const engine = await output("docker", ["version", "--format", "{{.Server.Version}}"], { env });
  const before = only.length > 0 ? JSON.parse(readFileSync(TARGET, "utf8")).cases : {};
  const cases: Record<string, unknown> = { ...before };
  for (const each of CASES) {
    if (only.length > 0 && !only.includes(each.name)) continue;
    cases[each.name] = await runCase(each, "docker", env);
    console.log(each.name);
  }
  writeFileSync(TARGET, `${JSON.stringify({ cli, engine, cases }, undefined, 2)}\n`);
} finally {
  await rm(config, { recursive: true });
}
