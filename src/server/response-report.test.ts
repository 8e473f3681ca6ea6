import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createResponseReport } from "./response-report.ts";

test("each JSON answer is reported with what contradicts the document", async () => {
  const folder = await mkdtemp(join(tmpdir(), `berth-report-${process.pid}-`));
  const reportFile = join(folder, "report");
  const schemaFile = new URL("../../test/fixtures/api/swagger.json", import.meta.url).pathname;
  const report = createResponseReport({ schemaFile, reportFile });
  report("containerCreate", 201, { Id: "a", Warnings: [] });
  report("containerCreate", 201, { Id: 5, Warnings: undefined });
  const lines = (await readFile(reportFile, "utf8")).trimEnd().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { operation: "containerCreate", status: 201, problems: [] },
    {
      operation: "containerCreate",
      status: 201,
      problems: [".Warnings: missing", ".Id: number where string is declared"],
    },
  ]);
  await rm(folder, { recursive: true, force: true });
});
