import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../base/index.ts";
import { type BlockingCalls, RepeatedReads } from "../../sys/index.ts";
import type { CgroupStats } from "../types.ts";

/** No such file, or its cgroup is gone, or the kernel has nothing to say. */
const MISSING = ["ENOENT", "ENODEV", "EOPNOTSUPP"];

/** What a cgroup's files say of its use; not when. */
export type CgroupUsage = Omit<CgroupStats, "readAt">;

/** Samples of cgroups, by path. `parse` gets the files without their last line breaks, empty those that are missing. */
export class UsageReader {
  readonly #files: (path: string) => string[];
  readonly #parse: (texts: string[]) => CgroupUsage;
  #reads: RepeatedReads<CgroupUsage> | undefined;

  constructor(files: (path: string) => string[], parse: (texts: string[]) => CgroupUsage) {
    this.#files = files;
    this.#parse = parse;
  }

  async read(path: string, calls: Pick<BlockingCalls, "readFiles">): Promise<CgroupStats> {
    this.#reads ??= new RepeatedReads(calls, {
      missing: MISSING,
      parse: (texts) => this.#parse(texts.map((text) => text?.trimEnd() ?? "")),
    });
    const usage = await this.#reads.read(path, () => this.#files(path));
    return { readAt: BigInt(Date.now()) * 1_000_000n, ...usage };
  }
}

async function readOptional(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).trimEnd();
  } catch (error) {
    if (MISSING.includes(errnoOf(error) ?? "")) return "";
    throw error;
  }
}

/** A file with one number; 0 when it is missing, infinity for `max`. */
export async function readNumber(path: string): Promise<number> {
  return parseNumber(await readOptional(path));
}

/** A file of `key value` lines; empty when it is missing. */
export async function readTable(path: string): Promise<Record<string, number>> {
  return parseTable(await readOptional(path));
}

export function parseNumber(text: string): number {
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}

export function parseTable(text: string): Record<string, number> {
  const table: Record<string, number> = {};
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf("\n", at);
    const end = newline === -1 ? text.length : newline;
    const space = text.indexOf(" ", at);
    if (space > at && space < end - 1) table[text.slice(at, space)] = parseNumber(text.slice(space + 1, end));
    at = end + 1;
  }
  return table;
}

/** The cgroup's own directory and all beneath it, children before parents. */
export async function subtree(directory: string): Promise<string[]> {
  let entries;
  try {
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw error;
  }
  const children = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => subtree(join(directory, entry.name))),
  );
  return [...children.flat(), directory];
}
