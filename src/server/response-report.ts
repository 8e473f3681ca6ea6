import { appendFileSync, readFileSync } from "node:fs";
import { type ApiDocument, type Operation, operations, schemaProblems } from "../api/index.ts";
import type { ResponseObserver } from "./dispatch.ts";

/**
 * Compares every JSON answer with the API's document and appends a line `{operation, status, problems}` to a file. For tests:
 * a daemon that serves people has no observer. Writes are synchronous so that a killed daemon's lines are there.
 */
export function createResponseReport(options: { schemaFile: string; reportFile: string }): ResponseObserver {
  // The file is the API's document; a wrong one fails every check.
  const document = JSON.parse(readFileSync(options.schemaFile, "utf8")) as ApiDocument;
  return (name, status, body) => {
    const operation: Operation = operations[name];
    const schema = document.paths[operation.path]?.[operation.method.toLowerCase()]?.responses?.[status]?.schema;
    // As the client gets it: members that are undefined are not there.
    const sent: unknown = JSON.parse(JSON.stringify(body));
    const problems = schema === undefined ? [] : schemaProblems(document, schema, sent);
    appendFileSync(options.reportFile, `${JSON.stringify({ operation: name, status, problems })}\n`);
  };
}
