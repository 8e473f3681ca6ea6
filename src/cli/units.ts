import { goDuration, goSize, type GoValue } from "../base/index.ts";
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

/** `64m`, `1.5GiB`, `512`: bytes, units are powers of 1024. @throws FlagError */
export function parseBytes(text: string): number {
  return valueOf(goSize(text));
}

/** A Go duration (`1m30s`) in nanoseconds. @throws FlagError */
export function parseDuration(text: string): number {
  return valueOf(goDuration(text));
}

function valueOf(read: GoValue): number {
  if ("problem" in read) throw new FlagError(read.problem);
  return read.value;
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
