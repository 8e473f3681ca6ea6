import type { Client } from "../client/index.ts";
import type { Context } from "./command.ts";
import { CliError, messageOf } from "./errors.ts";

const PARALLEL = 50;

/**
 * Does the same to each named object, many at once; prints each name that worked, in order, and all failures at the end.
 * @param work gives what to print instead of the name, or null to print nothing.
 * @throws CliError with the failures, a line each.
 */
export async function forEachTarget(
  context: Context,
  names: readonly string[],
  work: (client: Client, name: string) => Promise<string | null | void>,
): Promise<void> {
  const client = await context.client();
  const failures: string[] = [];
  const running: Promise<{ text: string | null } | { failure: string }>[] = [];
  const start = (name: string) =>
    work(client, name).then(
      (text) => ({ text: text === undefined ? name : text }),
      (error: unknown) => ({ failure: messageOf(error) }),
    );
  let next = 0;
  while (next < names.length || running.length > 0) {
    while (next < names.length && running.length < PARALLEL) running.push(start(names[next++] ?? ""));
    const result = await running.shift();
    if (result === undefined) break;
    if ("failure" in result) failures.push(result.failure);
    else if (result.text !== null) context.io.out(`${result.text}\n`);
  }
  if (failures.length > 0) throw new CliError(failures.join("\n"));
}

/** Names into a path, each part encoded. */
export function pathOf(...parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

/** An image's name into a path: slashes and colons stay, as Docker's client leaves them. */
export function imagePath(name: string, rest = ""): string {
  return `/images/${name.split("/").map(encodeURIComponent).join("/").replaceAll("%3A", ":").replaceAll("%40", "@")}${rest}`;
}

export function shortId(id: string): string {
  return id.replace(/^sha256:/, "").slice(0, 12);
}

/** At most `width` columns, the last of them `…` when something was cut. */
export function ellipsis(text: string, width: number): string {
  const runes = Array.from(text);
  if (runes.length <= width) return text;
  return width <= 1 ? runes.slice(0, width).join("") : `${runes.slice(0, width - 1).join("")}…`;
}

/** Filters as the API takes them; undefined when there are none. */
export function encodeFilters(filters: Readonly<Record<string, readonly string[]>>): string | undefined {
  const names = Object.keys(filters).sort();
  if (names.length === 0) return undefined;
  return JSON.stringify(
    Object.fromEntries(
      names.map((name) => [name, Object.fromEntries((filters[name] ?? []).map((value) => [value, true]))]),
    ),
  );
}
