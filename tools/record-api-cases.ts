/**
 * Sends the API cases to the real engine and writes what it answered to test/fixtures/api-cases.json.
 * `tools/bun tools/record-api-cases.ts SOCKET`: a Docker engine that nobody else uses meanwhile.
 */
import { writeFileSync } from "node:fs";
import { API_CASES } from "../test/e2e/api-cases/cases.ts";
import { runApiCase } from "../test/e2e/api-cases/run-case.ts";
import { apiCall } from "../test/support/api.ts";
import { busyboxArchive } from "../test/support/images.ts";

const [socket] = process.argv.slice(2);
if (socket === undefined) throw new Error("usage: tools/bun tools/record-api-cases.ts SOCKET");
const loaded = await apiCall(socket, "POST", "/images/load", busyboxArchive(), { "Content-Type": "application/x-tar" });
if (loaded.status !== 200) throw new Error(loaded.text);
const cases: Record<string, unknown> = {};
for (const each of API_CASES) cases[each.name] = await runApiCase(each, socket);
const version = await apiCall(socket, "GET", "/version", undefined);
writeFileSync(
  new URL("../test/fixtures/api-cases.json", import.meta.url).pathname,
  `${JSON.stringify({ engine: version.json, cases }, undefined, 1)}\n`,
);
