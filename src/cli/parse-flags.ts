import { FlagError } from "./errors.ts";
import { type Flag, type FlagTable, parseBool } from "./flags.ts";

export interface ParsedLine {
  values: Record<string, unknown>;
  /** Names of the flags that were given. */
  changed: ReadonlySet<string>;
  args: string[];
  /** `--help` (long) or `-h` was given, and the table has no flag of its own with that name. */
  help: "long" | "short" | undefined;
}

/**
 * Splits words into flags and arguments as pflag does: `-itd`, `-p80:80`, `-p=80:80`, `--flag=x`, `--flag x`, `--`.
 * @param interspersed false: the first argument ends the flags (`run`, `exec`).
 * @throws FlagError with pflag's text.
 */
export function parseFlags(table: FlagTable, words: readonly string[], interspersed: boolean): ParsedLine {
  const line: ParsedLine & { changed: Set<string> } = {
    values: {},
    changed: new Set(),
    args: [],
    help: undefined,
  };
  for (const [name, flag] of Object.entries(table)) line.values[name] = flag.initial;
  const set = (name: string, flag: Flag<unknown>, text: string) => {
    const kept = flag.sameAs ?? name;
    try {
      line.values[kept] = flag.parse(text, line.values[kept], !line.changed.has(kept));
    } catch (error) {
      if (!(error instanceof FlagError)) throw error;
      const shown = flag.short === undefined ? `--${name}` : `-${flag.short}, --${name}`;
      throw new FlagError(`invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${error.message}`);
    }
    line.changed.add(kept);
  };
  const queue = [...words];
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--") {
      line.args.push(...queue);
      break;
    }
    if (word.startsWith("--")) long(table, word, queue, set, line);
    else if (word.startsWith("-") && word.length > 1) shorts(table, word, queue, set, line);
    else {
      line.args.push(word);
      if (interspersed) continue;
      line.args.push(...queue);
      break;
    }
  }
  return line;
}

type SetValue = (name: string, flag: Flag<unknown>, text: string) => void;

function long(table: FlagTable, word: string, queue: string[], set: SetValue, line: ParsedLine): void {
  const equals = word.indexOf("=");
  const name = word.slice(2, equals === -1 ? undefined : equals);
  if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: ${word}`);
  const flag = Object.hasOwn(table, name) ? table[name] : undefined;
  if (flag === undefined) {
    if (name !== "help") throw new FlagError(`unknown flag: --${name}`);
    line.help = equals === -1 || askedFor(word.slice(equals + 1)) ? "long" : undefined;
    return;
  }
  if (equals !== -1) return set(name, flag, word.slice(equals + 1));
  if (flag.bare !== undefined) return set(name, flag, flag.bare);
  const value = queue.shift();
  if (value === undefined) throw new FlagError(`flag needs an argument: --${name}`);
  set(name, flag, value);
}

/** The value of `--help=…`. */
function askedFor(text: string): boolean {
  try {
    return parseBool(text);
  } catch (error) {
    const why = error instanceof FlagError ? error.message : "";
    throw new FlagError(`invalid argument ${JSON.stringify(text)} for "--help" flag: ${why}`);
  }
}

function withShort(table: FlagTable, letter: string): readonly [string, Flag<unknown>] | undefined {
  for (const entry of Object.entries(table)) if (entry[1].short === letter) return entry;
  return undefined;
}

function shorts(table: FlagTable, word: string, queue: string[], set: SetValue, line: ParsedLine): void {
  for (let rest = word.slice(1); rest !== "";) {
    const letter = rest.slice(0, 1);
    const shown = `-${rest}`;
    rest = rest.slice(1);
    const found = withShort(table, letter);
    if (found === undefined) {
      if (letter !== "h") throw new FlagError(`unknown shorthand flag: '${letter}' in ${shown}`);
      line.help = "short";
      continue;
    }
    const [name, flag] = found;
    if (rest.startsWith("=") && rest.length > 1) return set(name, flag, rest.slice(1));
    if (flag.bare !== undefined) {
      set(name, flag, flag.bare);
      continue;
    }
    if (rest !== "") return set(name, flag, rest);
    const value = queue.shift();
    if (value === undefined) throw new FlagError(`flag needs an argument: '${letter}' in ${shown}`);
    return set(name, flag, value);
  }
}
