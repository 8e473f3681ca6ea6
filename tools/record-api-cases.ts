/**
 * Sends the API cases to the real engine and writes what it answered to test/fixtures/api-cases.json.
 * `tools/bun tools/record-api-cases.ts SOCKET [CASE…]`: a Docker engine that nobody else uses meanwhile. Without names,
 * all are recorded.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { API_CASES } from "../test/e2e/api-cases/cases.ts";
import { runApiCase } from "../test/e2e/api-cases/run-case.ts";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";

const [socket, ...only] = process.argv.slice(2);
const TARGET = new URL("../test/fixtures/api-cases.json", import.meta.url).pathname;
if (socket === undefined) throw new Error("usage: tools/bun tools/record-api-cases.ts SOCKET [CASE…]");
const loaded = await apiCall(socket, "POST", "/images/load", busyboxArchive(), { "Content-Type": "application/x-tar" });
if (loaded.status !== 200) throw new Error(loaded.text);
const cases: Record<string, unknown> = only.length > 0 ? JSON.parse(readFileSync(TARGET, "utf8")).cases : {};
for (const each of API_CASES) {
  if (only.length === 0 || only.includes(each.name)) cases[each.name] = await runApiCase(each, socket);
}
const version = await apiCall(socket, "GET", "/version", undefined);
writeFileSync(TARGET, `${JSON.stringify({ engine: version.json, cases }, undefined, 1)}\n`);
