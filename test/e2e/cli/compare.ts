import { run } from "../../support/process.ts";
import type { CliCase } from "./cases.ts";

export interface Program {
  name: "docker" | "berth";
  /** How it is started: a file and words before those of the case. */
  command: readonly [string, ...string[]];
  /** What stands for `{id}`, of the same length for both programs, since columns are aligned. */
  id: string;
  /** Where it runs: what it copies out of containers lands there. */
  folder: string;
}

/** Runs a case and gives its output and code as one text, without what must differ between the programs. */
export async function outcomeOf(each: CliCase, program: Program, env: Record<string, string>): Promise<string> {
  const [file, ...before] = program.command;
  const args = [...before, ...each.args.map((word) => word.replaceAll("{id}", program.id))];
  const { stdout, stderr, code } = await run(file, args, { env, cwd: program.folder, input: each.stdin ?? "" });
  const clean = (text: string) => cleaned(text, program, each.mask === true);
  if (each.shape === true)
    return `[stdout]\n${shapeOf(clean(stdout))}\n[stderr]\n${shapeOf(clean(stderr))}\n[code] ${code}`;
  const lines = each.unordered === true ? clean(stdout).split("\n").sort().join("\n") : clean(stdout);
  return `[stdout]\n${lines}\n[stderr]\n${clean(stderr)}\n[code] ${code}`;
}

/** Of a help's text how the command is called, and by what other names; of other texts all. */
function shapeOf(text: string): string {
  if (!text.includes("Usage:  ")) return text;
  const lines = text.replace(/^ {2}docker (.*)$/gm, (line) => line.replaceAll("docker ", "berth ")).split("\n");
  return lines.filter((line) => /^(?:Usage: {2}|\tberth |Flag | {2}berth )/.test(line)).join("\n");
}

/**
 * A program's output without its name, the unique part of names, what only one of the two says, and for masked cases ids
 * and times.
 */
export function cleaned(text: string, program: Pick<Program, "name" | "id">, mask: boolean): string {
  return withoutPasser(normalize(text, program, mask));
}

function normalize(text: string, { name, id }: Pick<Program, "name" | "id">, mask: boolean): string {
  let cleaned = text.replaceAll(id, "ID");
  if (name === "docker") {
    cleaned = cleaned
      .replace(/^docker: /gm, "berth: ")
      .replace(/'docker([ '])/g, "'berth$1")
      .replace(/^Usage: {2}docker/gm, "Usage:  berth")
      .replace(/^\tdocker/gm, "\tberth")
      .replace(/command: docker /g, "command: berth ");
  }
  // The engine puts a container's full id into many of its texts.
  cleaned = cleaned.replace(/\b[0-9a-f]{64}\b/g, "<64 digits>").replace(/v1\.\d\d\//g, "v1/");
  if (!mask) return cleaned;
  return cleaned
    .replace(/^Date: .*$/m, "Date: <time>")
    .replace(/\b[0-9a-f]{12}\b/g, "<12 digits>")
    .replace(/\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| \+0000 UTC|[+-]\d\d:\d\d)?/g, "<time>")
    .replace(/(?:Less than a second|About a minute|\d+ (?:second|minute)s?)(?: ago)?/g, "<span>")
    .replace(/ +/g, " ")
    .replace(/\d+ \d+ \d+ \d\d:\d\d/g, "<process>");
}

/**
 * What berth's command adds, and what Docker's logs or not, depending on how fast the engine is: that it could not pack the
 * rest, that a connection was closed before it closed its half.
 */
function withoutPasser(text: string): string {
  return text
    .replace(/^Hint: .*\n/gm, "")
    .replace(/^time="[^"]*" level=error msg="Can't (?:add file|close tar writer).*"\n/gm, "")
    .replace(/^time="[^"]*" level=error msg="error while CloseWrite .*"\n/gm, "");
}
