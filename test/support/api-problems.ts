import { readFile } from "node:fs/promises";

interface Line {
  operation: string;
  status: number;
  problems: string[];
}

/** Where the API's document is wrong about what Docker itself answers, by `OPERATION PROBLEM` with `[]` for any index. */
const DOCUMENT_IS_WRONG: ReadonlyMap<string, string> = new Map([
  ["containerInspect .HostConfig.MemorySwappiness: null", "Docker sends null when none was asked for"],
  [
    'containerInspect .HostConfig.LogConfig.Type: "otlp" is none of the declared values',
    "the set is closed, though a plugin's driver has any name; this one is berth's own",
  ],
  ["execInspect .ExitCode: null", "Docker sends null while the command runs"],
]);

/**
 * What answers contradicted the API's document, from the report that a daemon wrote (`BERTH_API_REPORT`): each problem once.
 * A report that is not there has none: nothing was asked.
 */
export async function apiProblems(reportFile: string): Promise<string[]> {
  const text = await readFile(reportFile, "utf8").catch(() => "");
  const found = new Set<string>();
  for (const line of text.split("\n")) {
    if (line === "") continue;
    const { operation, problems } = JSON.parse(line) as Line; // written by the daemon's report
    for (const problem of problems) found.add(`${operation} ${problem.replaceAll(/\[\d+\]/g, "[]")}`);
  }
  return [...found].filter((problem) => !DOCUMENT_IS_WRONG.has(problem)).sort();
}
