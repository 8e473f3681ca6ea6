import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../base/index.ts";
import { readFiles, type BlockingCalls } from "../../sys/index.ts";

/** No such file, or its cgroup is gone, or the kernel has nothing to say. */
const MISSING = ["ENOENT", "ENODEV", "EOPNOTSUPP"];

/** Files without their last line breaks, all read in one go; empty for those that are missing. */
export async function readAll(calls: Pick<BlockingCalls, "readFiles">, paths: readonly string[]): Promise<string[]> {
  return (await readFiles(calls, paths, MISSING)).map((text) => text?.trimEnd() ?? "");
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
  for (const line of text.split("\n")) {
    const [key = "", value = ""] = line.split(" ");
    if (key !== "" && value !== "") table[key] = value === "max" ? Number.POSITIVE_INFINITY : Number(value);
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
