import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf } from "../../base/index.ts";

/** A file's text without its last line break; undefined when there is no such file (or its cgroup is gone). */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, "utf8")).trimEnd();
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === "ENOENT" || errno === "ENODEV" || errno === "EOPNOTSUPP") return undefined;
    throw error;
  }
}

/** A file with one number; 0 when it is missing, infinity for `max`. */
export async function readNumber(path: string): Promise<number> {
  const text = await readOptional(path);
  if (text === undefined || text === "") return 0;
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}

/** A file of `key value` lines; empty when it is missing. */
export async function readTable(path: string): Promise<Record<string, number>> {
  const text = (await readOptional(path)) ?? "";
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
