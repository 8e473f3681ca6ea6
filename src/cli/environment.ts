import { readFileBytes } from "../client/index.ts";
import { CliError, FlagError, messageOf } from "./errors.ts";

/** Bytes of the longest line that Docker's command reads. */
const LONGEST_LINE = 65_535;

/**
 * Lines of `KEY=value` files; a bare key takes the value of this process, when it has one.
 * @param env undefined where there is none to take from, as for labels: a bare key is left out then.
 * @throws CliError when a file is missing, is no text, or a line is too long or names nothing.
 */
export async function readKeyValueFiles(
  files: readonly string[],
  env: Readonly<Record<string, string | undefined>> | undefined,
): Promise<string[]> {
  const values: string[] = [];
  for (const file of files) {
    const bad = (what: string) => new CliError(`invalid env file (${file}): ${what}`);
    const bytes = await readFileBytes(file).catch((error: unknown) => {
      throw bad(readFault(file, error));
    });
    if (bytes === undefined) throw new CliError(`open ${file}: no such file or directory`);
    for (const [at, each] of [...linesOf(bytes)].entries()) {
      if (each.length > LONGEST_LINE) throw bad("bufio.Scanner: token too long");
      const text = textOf(withoutReturn(each));
      if (text === undefined) throw bad(`invalid utf8 bytes at line ${at + 1}: [${withoutReturn(each).join(" ")}]`);
      const line = (at === 0 ? text.replace(/^\uFEFF/, "") : text).replace(/^[ \t]+/, "");
      if (line === "" || line.startsWith("#")) continue;
      const equals = line.indexOf("=");
      const key = equals === -1 ? line : line.slice(0, equals);
      if (/[ \t]/.test(key)) throw bad(`variable '${key}' contains whitespaces`);
      if (key === "") throw bad(`no variable name on line '${line}'`);
      if (equals !== -1) values.push(line);
      else if (env?.[key] !== undefined) values.push(`${key}=${env[key]}`);
    }
  }
  return values;
}

function* linesOf(bytes: Uint8Array): Generator<Buffer> {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let from = 0; from < all.length;) {
    const end = all.indexOf("\n", from);
    const to = end === -1 ? all.length : end;
    yield all.subarray(from, to);
    from = to + 1;
  }
}

/** Undefined for bytes that are no UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 0x0d ? line.subarray(0, -1) : line;
}

/** What Go says of a file that cannot be read. */
export function readFault(file: string, error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EISDIR") return `read ${file}: is a directory`;
  if (code === "EACCES") return `open ${file}: permission denied`;
  return messageOf(error);
}

/** `-e KEY` takes the value of this process; without one the variable is removed from the image's. */
export function resolveEnv(values: readonly string[], env: Readonly<Record<string, string | undefined>>): string[] {
  return values.map((value) => (value.includes("=") || env[value] === undefined ? value : `${value}=${env[value]}`));
}

/** Of variables of one name the last. */
export function lastOfEach(variables: readonly string[]): string[] {
  return [...new Map(variables.map((each) => [each.replace(/=.*/s, ""), each])).values()];
}

/** `key=value` texts as a map; a bare key is empty. */
export function toMap(values: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {};
  for (const value of values) {
    const equals = value.indexOf("=");
    map[equals === -1 ? value : value.slice(0, equals)] = equals === -1 ? "" : value.slice(equals + 1);
  }
  return map;
}

/** A value of `--env`. @throws FlagError when it names no variable. */
export function checkEnv(text: string): string {
  if (text === "" || text.startsWith("=")) throw new FlagError(`invalid environment variable: ${text}`);
  return text;
}
