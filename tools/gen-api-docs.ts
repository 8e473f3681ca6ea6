/**
 * Writes docs/api-reference.md from the tables of src/api. Run it with `tools/bun tools/gen-api-docs.ts`; `--check` fails when
 * the file is out of date.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import {
  configMembers,
  endpointMembers,
  formatApiVersion,
  hostMembers,
  MAX_API_VERSION,
  MIN_API_VERSION,
  operationList,
  type Operation,
  pendingOperations,
  type QueryParam,
  type Treatment,
} from "../src/api/index.ts";

const TARGET = new URL("../docs/api-reference.md", import.meta.url).pathname;

function operationRow([name, row]: readonly [string, Operation]): string {
  const success = row.success.join(", ");
  return `| \`${row.method} ${row.path}\` | ${name} | ${queryCell(row)} | ${bodyCell(row)} | ${success} | ${answerCell(row)} | ${row.since} |`;
}

function queryCell(row: Operation): string {
  return Object.entries(row.query)
    .map(([name, param]) => `\`${name}\`: ${paramText(param)}`)
    .join("<br>");
}

function paramText(param: QueryParam<unknown>): string {
  const values = param.values === undefined ? "" : ` of ${param.values.map((value) => `\`${value}\``).join(", ")}`;
  const fallback = param.fallback === "" ? "" : ` (${param.fallback})`;
  const since = param.since === undefined ? "" : `, since ${param.since}`;
  return `${param.type}${values}${fallback}${since}`;
}

function bodyCell({ body }: Operation): string {
  if (body.kind === "none") return "";
  if (body.kind === "bytes") return "bytes, streamed";
  return `\`${body.name}\`${body.required ? "" : ", optional"}`;
}

const ANSWERS: Record<Exclude<Operation["answer"]["kind"], "json" | "json-lines">, string> = {
  empty: "",
  text: "text",
  progress: "progress messages, one a line",
  tar: "tar, streamed",
  frames: "multiplexed or raw stream",
  hijack: "the connection becomes a stream",
};

function answerCell({ answer }: Operation): string {
  if (answer.kind === "json") return `\`${answer.type}\``;
  if (answer.kind === "json-lines") return `one \`${answer.type}\` a line`;
  return ANSWERS[answer.kind];
}

function treatmentRow(prefix: string, [name, treatment]: [string, Treatment]): string {
  return `| \`${prefix}${name}\` | ${treatmentText(treatment)} |`;
}

function treatmentText(treatment: Treatment): string {
  if (treatment.kind === "recorded") return `kept for inspect: ${treatment.why}`;
  if (treatment.kind === "warned") return `warning: ${treatment.text}`;
  if (treatment.kind === "refused") return `refused: ${treatment.refusal.message}`;
  return "honoured";
}

const source = `<!-- Written by tools/gen-api-docs.ts from the tables of src/api. Do not edit. -->

# Engine API

berth speaks versions ${formatApiVersion(MIN_API_VERSION)} to ${formatApiVersion(MAX_API_VERSION)} of the Docker Engine API.
Each path is served as it stands and with a version in front, such as \`/v${formatApiVersion(MAX_API_VERSION)}\`.

## Operations

| request | name | query | body | success | answer | since |
| --- | --- | --- | --- | --- | --- | --- |
${operationList.map(operationRow).join("\n")}

## Not there yet

These are answered with a refusal that says so.

| request | answer |
| --- | --- |
${pendingOperations.map((row) => `| \`${row.method} ${row.path}\` | ${row.refusal.message} |`).join("\n")}

## Members of a container's create body

| member | what berth makes of it |
| --- | --- |
${Object.entries(configMembers)
  .map((entry) => treatmentRow("", entry))
  .join("\n")}
${Object.entries(hostMembers)
  .map((entry) => treatmentRow("HostConfig.", entry))
  .join("\n")}
${Object.entries(endpointMembers)
  .map((entry) => treatmentRow("NetworkingConfig.EndpointsConfig.NAME.", entry))
  .join("\n")}
`;
const text = await format(source, { ...(await resolveConfig(TARGET)), parser: "markdown" });
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== text) {
    console.error("docs/api-reference.md is out of date: run tools/bun tools/gen-api-docs.ts");
    process.exit(1);
  }
} else writeFileSync(TARGET, text);
