import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { errnoOf } from "../base/index.ts";
import {
  badFlagValue,
  badKeyValue,
  extraArgument,
  flagAndKey,
  flagNeedsValue,
  notAnObject,
  refusedOption,
  unknownFlag,
  unknownKeys,
  unreadableFile,
} from "./errors.ts";
import type { Option, OptionValue } from "./option.ts";
import { OPTIONS, type DaemonConfig, type OptionName } from "./options.ts";

const CONFIG_FILE = "/etc/berth/daemon.json";

type Values = Map<OptionName, OptionValue>;

const NAMES = Object.keys(OPTIONS) as OptionName[]; // the table's own keys

/**
 * The configuration from command line and file, flags first; an option in both is an error unless it is a list or map,
 * where both count (as in dockerd).
 * @throws invalid that names the flag or key.
 */
export async function loadConfig(argv: readonly string[]): Promise<DaemonConfig> {
  const flags = parseFlags(argv);
  const named = flags.get("config-file");
  const file = typeof named === "string" ? named : CONFIG_FILE;
  const keys = await readConfigFile(file, flags.has("config-file"));
  return withWholePaths(finish(merge(flags, keys, file)));
}

/** Supervisors and other runtimes are told these paths, and have working folders of their own. */
function withWholePaths(config: DaemonConfig): DaemonConfig {
  return {
    ...config,
    "data-root": resolve(config["data-root"]),
    "exec-root": resolve(config["exec-root"]),
    pidfile: resolve(config.pidfile),
  };
}

/** @throws invalid with pflag's texts. */
export function parseFlags(argv: readonly string[]): Values {
  const values: Values = new Map();
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? "";
    if (!word.startsWith("-")) throw extraArgument(word);
    const [shown, inline] = splitFlag(word);
    const name = nameOfFlag(shown);
    if (name === undefined) throw unknownFlag(shown);
    const option = OPTIONS[name];
    let text = inline;
    if (text === undefined && option.type === "bool") text = "true";
    if (text === undefined) {
      at += 1;
      text = argv[at];
      if (text === undefined) throw flagNeedsValue(shown);
    }
    values.set(
      name,
      parseText(option, text, values.get(name), (why) => badFlagValue(shown, text, why)),
    );
  }
  return values;
}

function splitFlag(word: string): [flag: string, value: string | undefined] {
  const equals = word.indexOf("=");
  if (equals > 0) return [word.slice(0, equals), word.slice(equals + 1)];
  // -Hunix://… : a short flag with its value attached
  if (!word.startsWith("--") && word.length > 2) return [word.slice(0, 2), word.slice(2)];
  return [word, undefined];
}

function nameOfFlag(shown: string): OptionName | undefined {
  return NAMES.find((name) => {
    const { flag, short } = OPTIONS[name];
    return (flag !== undefined && shown === `--${flag}`) || (short !== undefined && shown === `-${short}`);
  });
}

function parseText(
  option: Option,
  text: string,
  before: OptionValue,
  fail: (why: string) => Error,
): Exclude<OptionValue, undefined> {
  switch (option.type) {
    case "string":
      if (option.values !== undefined && !option.values.includes(text)) {
        throw fail(`must be one of ${option.values.filter((v) => v !== "").join(", ")}`);
      }
      return text;
    case "bool":
      if (/^(1|t|true)$/i.test(text)) return true;
      if (/^(0|f|false)$/i.test(text)) return false;
      throw fail("must be true or false");
    case "int":
      if (!/^-?\d+$/.test(text)) throw fail("must be a whole number");
      return Number(text);
    case "bytes":
      return parseBytes(text, fail);
    case "list":
      return [...(Array.isArray(before) ? before : []), text];
    case "map": {
      const equals = text.indexOf("=");
      if (equals < 1) throw fail("must be name=value");
      const map = typeof before === "object" && !Array.isArray(before) ? before : {};
      return { ...map, [text.slice(0, equals)]: text.slice(equals + 1) };
    }
  }
}

const UNITS: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

function parseBytes(text: string, fail: (why: string) => Error): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(?:i?b)?$/i.exec(text);
  const unit = UNITS[(match?.[2] ?? "?").toLowerCase()];
  if (match === null || unit === undefined) throw fail("must be a size such as 64m");
  return Math.floor(Number(match[1]) * unit);
}

async function readConfigFile(file: string, mustExist: boolean): Promise<Values> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (errnoOf(error) === "ENOENT" && !mustExist) return new Map();
    throw unreadableFile(file, error);
  }
  return parseConfigText(file, text);
}

/** The values of a configuration file. @throws invalid that names unknown keys and wrong types. */
export function parseConfigText(file: string, text: string): Values {
  if (text.trim() === "") return new Map();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw unreadableFile(file, error);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw notAnObject(file);
  const values: Values = new Map();
  const unknown: string[] = [];
  for (const [key, value] of Object.entries(json)) {
    const name = NAMES.find((candidate) => OPTIONS[candidate].key === key);
    if (name === undefined) unknown.push(key);
    // What is refused anyway may have a form of its own.
    else if (OPTIONS[name].refused !== undefined) values.set(name, refusedValue(name, value));
    else
      values.set(
        name,
        parseJson(OPTIONS[name], value, (why) => badKeyValue(file, key, why)),
      );
  }
  if (unknown.length > 0) throw unknownKeys(file, unknown);
  return values;
}

/** The only values that a refused option may have: its default, or nothing. */
function refusedValue(name: OptionName, value: unknown): OptionValue {
  const option = OPTIONS[name];
  const empty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  if (empty || value === option.default) return option.default;
  throw refusedOption(option.key ?? name, option.refused ?? "");
}

function parseJson(option: Option, value: unknown, fail: (why: string) => Error): OptionValue {
  switch (option.type) {
    case "string":
      if (typeof value !== "string") throw fail("must be a string");
      return parseText(option, value, undefined, fail);
    case "bool":
      if (typeof value !== "boolean") throw fail("must be true or false");
      return value;
    case "int":
      if (typeof value !== "number" || !Number.isInteger(value)) throw fail("must be a whole number");
      return value;
    case "bytes":
      if (typeof value === "number" && Number.isInteger(value) && value >= 0) return value;
      if (typeof value === "string") return parseBytes(value, fail);
      throw fail("must be a size such as 64m");
    case "list":
      if (!Array.isArray(value)) throw fail("must be a list");
      return value.map((item) => listItem(item, fail));
    case "map":
      if (typeof value !== "object" || value === null || Array.isArray(value)) throw fail("must be an object");
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, mapItem(v, fail)]));
  }
}

/** Address pools are objects in the file and `base=…,size=…` on the command line. */
function listItem(item: unknown, fail: (why: string) => Error): string {
  if (typeof item === "string") return item;
  if (typeof item === "object" && item !== null) {
    return Object.entries(item)
      .map(([key, value]) => `${key.toLowerCase()}=${String(value)}`)
      .join(",");
  }
  throw fail("must be a list of strings");
}

/** A runtime is `{"path": …}` in the file, a limit `{"Name": …, "Soft": …, "Hard": …}`. */
function mapItem(value: unknown, fail: (why: string) => Error): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null) {
    if ("path" in value && typeof value.path === "string") return value.path;
    if ("Soft" in value && "Hard" in value) return `${String(value.Soft)}:${String(value.Hard)}`;
  }
  throw fail("must be an object of strings");
}

function merge(flags: Values, keys: Values, file: string): Values {
  const both: string[] = [];
  const merged: Values = new Map(keys);
  for (const [name, value] of flags) {
    const inFile = keys.get(name);
    if (inFile === undefined) merged.set(name, value);
    else if (Array.isArray(value) && Array.isArray(inFile)) merged.set(name, [...value, ...inFile]);
    else if (isMap(value) && isMap(inFile)) merged.set(name, { ...inFile, ...value });
    else {
      const shown = [value, inFile].map((each) => JSON.stringify(each).replace(/^"|"$/g, ""));
      both.push(`${OPTIONS[name].key ?? name}: (from flag: ${shown[0]}, from file: ${shown[1]})`);
    }
  }
  if (both.length > 0) throw flagAndKey(file, both);
  return merged;
}

function isMap(value: OptionValue): value is Record<string, string> {
  return typeof value === "object" && !Array.isArray(value);
}

function finish(values: Values): DaemonConfig {
  const entries = NAMES.map((name): [OptionName, OptionValue] => {
    const option = OPTIONS[name];
    const value = values.get(name);
    if (option.refused !== undefined && isSet(value, option)) throw refusedOption(name, option.refused);
    return [name, value ?? option.default ?? (option.type === "list" ? [] : {})];
  });
  return Object.fromEntries(entries) as DaemonConfig; // each value was parsed by its option's type
}

function isSet(value: OptionValue, option: Option): boolean {
  if (value === undefined || value === option.default) return false;
  return typeof value !== "object" || Object.keys(value).length > 0;
}
