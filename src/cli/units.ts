import { FlagError } from "./errors.ts";

/** Sizes and spans as Docker shows and reads them. */

const DECIMAL = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** `%.*g` of C for what sizes need. */
function general(value: number, precision: number): string {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(precision - 1).split("e")[1]);
  if (exponent < -4 || exponent >= precision) {
    const [mantissa = "", power = "0"] = value.toExponential(precision - 1).split("e");
    const sign = power.startsWith("-") ? "-" : "+";
    return `${trimZeros(mantissa)}e${sign}${power.replace(/^[+-]/, "").padStart(2, "0")}`;
  }
  return trimZeros(value.toPrecision(precision));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}

function scaled(size: number, base: number, units: readonly string[], precision: number): string {
  let value = size;
  let unit = 0;
  while (value >= base && unit < units.length - 1) {
    value /= base;
    unit++;
  }
  return `${general(value, precision)}${units[unit] ?? ""}`;
}

/** `1.98MB`: powers of 1000. */
export function humanSize(size: number, precision = 4): string {
  return scaled(size, 1000, DECIMAL, precision);
}

/** `23.54GiB`: powers of 1024, four digits. */
export function binarySize(size: number): string {
  return scaled(size, 1024, BINARY, 4);
}

/** `About a minute`, `3 hours`: the size of a span in words. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(milliseconds / 3_600_000);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`;
}

const FACTORS: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** `64m`, `1.5GiB`, `512`: bytes, units are powers of 1024. @throws FlagError */
export function parseBytes(text: string): number {
  const match = /^(.*[0-9. ])([^0-9. ]*)$/s.exec(text);
  if (match === null) throw new FlagError(`invalid size: '${text}'`);
  const [, all = "", unit = ""] = match;
  const number = parseFloatOfGo(all.endsWith(" ") ? all.slice(0, -1) : all);
  if (number < 0) throw new FlagError(`invalid size: '${text}'`);
  const suffix = unit.length > 3 ? unit : unit.toLowerCase();
  if (!/^(?:|b|[kmgtp](?:b|ib)?)$/.test(suffix)) throw new FlagError(`invalid suffix: '${suffix}'`);
  const size = Math.trunc(number * (FACTORS[suffix.slice(0, 1)] ?? 1));
  // Docker's command makes a negative number of it.
  if (size >= 2 ** 63) throw new FlagError(`invalid size: '${text}': value out of range`);
  return size;
}

/** A decimal number as Go reads it. @throws FlagError with Go's text. */
function parseFloatOfGo(text: string): number {
  const plain = text.replace(/(?<=[0-9])_(?=[0-9])/g, "");
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(plain)) return Number(plain);
  throw new FlagError(`strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax`);
}

const NANOSECONDS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A Go duration (`1m30s`) in nanoseconds. @throws FlagError */
export function parseDuration(text: string): number {
  const bad = (what: string) => new FlagError(`time: ${what} ${JSON.stringify(text)}`);
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0;
  if (rest === "") throw bad("invalid duration");
  let total = 0n;
  while (rest !== "") {
    const number = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)/.exec(rest)?.[0];
    if (number === undefined) throw bad("invalid duration");
    rest = rest.slice(number.length);
    const unit = /^[^0-9.]+/.exec(rest)?.[0];
    if (unit === undefined) throw bad("missing unit in duration");
    const factor = NANOSECONDS[unit];
    if (factor === undefined)
      throw new FlagError(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    const [whole = "", fraction = ""] = number.split(".");
    total += BigInt(whole) * BigInt(factor) + BigInt(Math.round(Number(`0.${fraction}0`) * factor));
    rest = rest.slice(unit.length);
  }
  if (total >= 2n ** 63n) throw bad("invalid duration");
  // The double that is nearest to the longest durations is more than they are.
  return sign * Math.min(Number(total), 2 ** 63 - 1024);
}

/** `1.5` CPUs in billionths. @throws FlagError */
export function parseNanoCpus(text: string): number {
  const match = /^([+-]?)(?:([0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE]([+-]?[0-9]+))?|([0-9]+)\/([0-9]+))$/.exec(text);
  if (match === null) throw new FlagError(`failed to parse ${text} as a rational number`);
  if (match[5] !== undefined && Number(match[5]) === 0)
    throw new FlagError(`failed to parse ${text} as a rational number`);
  const value =
    match[4] === undefined ? Number(text) : (Number(match[4]) / Number(match[5])) * (match[1] === "-" ? -1 : 1);
  const nano = value * 1e9;
  if (Math.abs(nano - Math.round(nano)) > 1e-3) throw new FlagError("value is too precise");
  return Math.round(nano);
}

/** `2026-11-30 01:52:07 +0000 UTC` of seconds since 1970, in the local zone as Go prints it. */
export function formatLocalTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString();
  const hours = String(Math.trunc(Math.abs(offset) / 60)).padStart(2, "0");
  const minutes = String(Math.abs(offset) % 60).padStart(2, "0");
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${offset < 0 ? "-" : "+"}${hours}${minutes} ${zoneName(date, offset)}`;
}

function zoneName(date: Date, offset: number): string {
  if (offset === 0 && (process.env["TZ"] ?? "") === "") return "UTC";
  return (
    new Intl.DateTimeFormat("en", { timeZoneName: "short" })
      .formatToParts(date)
      .find((part) => part.type === "timeZoneName")?.value ?? "UTC"
  );
}
