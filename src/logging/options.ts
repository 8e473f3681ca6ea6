import { goBool, goSize } from "../base/index.ts";
import { compileRegex, type Regex } from "../regex/index.ts";
import {
  badCacheSwitch,
  badValue,
  badBufferSize,
  badMode,
  badRegex,
  bufferWithoutMode,
  cannotStart,
  unknownOption,
} from "./errors.ts";
import type { LogFilePlan, Options } from "./types.ts";

/** Options that every driver takes. */
const COMMON = ["mode", "max-buffer-size"];
/** What drivers put beside an entry. */
export const ATTRIBUTE_OPTIONS = ["env", "env-regex", "labels", "labels-regex", "tag"];
/** Drivers whose entries go elsewhere also keep some here, for `docker logs`. */
export const CACHE_OPTIONS = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];

/** How entries are delivered, which is asked before anything else. @throws invalid with Docker's text. */
export function checkDelivery(options: Options): void {
  const mode = options["mode"] ?? "";
  if (!["", "blocking", "non-blocking"].includes(mode)) throw badMode(mode);
  const buffer = options["max-buffer-size"];
  if (buffer === undefined) return;
  if (mode !== "non-blocking") throw bufferWithoutMode();
  const size = goSize(buffer);
  if ("problem" in size) throw badBufferSize(size.problem);
}

/** @throws invalid with Docker's text for a name that the driver does not have, or a value that cannot be read. */
export function checkNames(
  driver: string,
  options: Options,
  own: readonly string[],
  unknown: (option: string, driver: string) => Error = unknownOption,
): void {
  const cached = options["cache-disabled"];
  if (own.includes("cache-disabled") && cached !== undefined && "problem" in goBool(cached))
    throw badCacheSwitch(cached);
  for (const name of Object.keys(options)) {
    if (!own.includes(name) && !COMMON.includes(name)) throw unknown(name, driver);
  }
  for (const name of ["env-regex", "labels-regex"]) pattern(options[name]);
  for (const name of ["compress", "cache-compress"]) flag(options, name, false);
}

/** @throws invalid when the text is no regular expression. */
export function pattern(text: string | undefined): Regex | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return compileRegex(text);
  } catch (error) {
    throw badRegex(error);
  }
}

/** @throws invalid when the option is no boolean as Go reads them. */
export function flag(options: Options, name: string, initial: boolean): boolean {
  const text = options[name];
  if (text === undefined || text === "") return initial;
  const read = goBool(text);
  if ("problem" in read) throw badValue(name, text);
  return read.value;
}

/** Docker lets a json-file log grow until the disk is full; `max-size=-1` does so here. */
const JSON_FILE_ROTATION = { maxSize: 100 * 2 ** 20, maxFiles: 5 };
/** Docker's for `local` and caches. */
const LOCAL_ROTATION = { maxSize: 20 * 2 ** 20, maxFiles: 5 };

type Rotation = Pick<LogFilePlan, "maxSize" | "maxFiles">;

/** @throws unknown with Docker's text for what a start refuses. */
export function jsonFileRotation(options: Options): Rotation {
  const { "max-size": size, "max-file": number } = options;
  if (size === undefined && number === undefined) return JSON_FILE_ROTATION;
  return rotation(size, number, size === undefined ? JSON_FILE_ROTATION : { maxSize: 0, maxFiles: 1 });
}

/** @param prefix of the options' names: `cache-`, or none. @throws as above. */
export function localRotation(options: Options, prefix: string): Rotation {
  return rotation(options[`${prefix}max-size`], options[`${prefix}max-file`], LOCAL_ROTATION);
}

function rotation(size: string | undefined, number: string | undefined, initial: Rotation): Rotation {
  const maxSize = size === undefined ? initial.maxSize : size === "-1" ? 0 : startSize(size);
  const maxFiles = number === undefined ? initial.maxFiles : Number(number);
  if (number !== undefined && !/^[+-]?[0-9]+$/.test(number)) {
    throw cannotStart(`strconv.Atoi: parsing ${JSON.stringify(number)}: invalid syntax`);
  }
  if (maxFiles < 1) throw cannotStart("max-file cannot be less than 1");
  if (number !== undefined && maxFiles > 1 && maxSize === 0) {
    throw cannotStart("max-size must be set when max-file is more than 1");
  }
  return { maxSize, maxFiles };
}

function startSize(text: string): number {
  const size = goSize(text);
  if ("problem" in size) throw cannotStart(size.problem);
  return size.value;
}

/** A whole number of at least `least`. @throws invalid. */
export function count(options: Options, name: string, least: number): number | undefined {
  const text = options[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < least) throw badValue(name, text);
  return value;
}
