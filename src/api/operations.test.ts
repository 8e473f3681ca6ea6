import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { operationList } from "./operations/index.ts";
import { pendingOperations } from "./pending.ts";

/** Rows that no router of ours holds: the HTTP layer's own, another listener's, and what Docker removed. */
const ELSEWHERE = new Set([
  "PRI * (HTTP/2 prior knowledge)",
  "OPTIONS /{anyroute}",
  "GET /metrics",
  "GET /images/{name} (insert/list forms)",
  "POST /images/{name}/insert",
  "GET /auth",
  "POST /containers/{id}/copy",
]);

const fixture = new URL("../../test/fixtures/api/operations.tsv", import.meta.url);
const rows = readFileSync(fixture, "utf8")
  .trimEnd()
  .split("\n")
  .slice(1)
  .map((line) => line.split("\t"));
const known = rows.map(([method, path]) => `${method} ${path}`);
const byRequest = new Map(rows.map((row) => [`${row[0]} ${row[1]}`, row]));

const served = operationList.flatMap(([, row]) =>
  [row.path, row.alias].filter((path) => path !== undefined).map((path) => `${row.method} ${path}`),
);
const refused = pendingOperations.map((row) => `${row.method} ${row.path}`);

test("every operation of the API is served, or refused by name", () => {
  const answered = new Set([...served, ...refused]);
  expect(known.filter((request) => !answered.has(request) && !ELSEWHERE.has(request))).toEqual([]);
});

test("nothing is both served and refused, nor declared twice", () => {
  const all = [...served, ...refused];
  expect(all.filter((request, index) => all.indexOf(request) !== index)).toEqual([]);
});

test("nothing is declared that the API does not have", () => {
  expect([...served, ...refused].filter((request) => !known.includes(request))).toEqual([]);
});

test("each operation reads the query parameters that the API documents for the versions spoken", () => {
  const missing: string[] = [];
  for (const [, row] of operationList) {
    const documented = byRequest.get(`${row.method} ${row.path}`)?.[5] ?? "";
    for (const text of documented.split(",").filter((part) => part !== "")) {
      const name = text.split(":")[0] ?? "";
      const since = /@(\d+)\.(\d+)/.exec(text);
      if (since !== null && Number(since[2]) > 51) continue;
      if (row.query[name] === undefined) missing.push(`${row.method} ${row.path} ${name}`);
    }
  }
  expect(missing).toEqual([]);
});

test("each operation answers with the statuses that the API documents for success", () => {
  const wrong: string[] = [];
  for (const [, row] of operationList) {
    const documented = byRequest.get(`${row.method} ${row.path}`)?.[10] ?? "";
    const statuses = [...documented.matchAll(/(?:^| )(\d{3})/g)].map((match) => Number(match[1]));
    // An exec's start is documented with 200 only; asked to upgrade, it answers 101 as an attach does.
    const ours = row.success.filter((status) => status !== 101 || statuses.includes(101));
    if (ours.join() !== statuses.join()) wrong.push(`${row.method} ${row.path}: ${ours.join()} for ${documented}`);
  }
  expect(wrong).toEqual([]);
});
