/**
 * Runs the probe in each of its worlds on the real engine and writes what it told to test/fixtures/probe.json.
 * `tools/bun tools/record-probe.ts SOCKET`
 */
import { writeFileSync } from "node:fs";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";
import { machine } from "../test/e2e/probe/machine.ts";
import { runWorld } from "../test/e2e/probe/run-world.ts";
import { WORLDS } from "../test/e2e/probe/worlds.ts";

const [socket] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: tools/bun tools/record-probe.ts SOCKET");
const TARGET = new URL("../test/fixtures/probe.json", import.meta.url).pathname;

await apiCall(socket, "POST", "/images/load?quiet=1", busyboxArchive(), { "Content-Type": "application/x-tar" });
const { Version: engine } = (await apiCall(socket, "GET", "/version", undefined)).json as { Version: string }; // its shape
const worlds: Record<string, string[]> = {};
for (const world of WORLDS) {
  worlds[world.name] = await runWorld(world, socket);
  console.log(world.name);
}
writeFileSync(TARGET, `${JSON.stringify({ engine, machine: machine(), worlds }, undefined, 1)}\n`);
