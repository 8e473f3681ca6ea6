import { badHeader } from "./errors.ts";
import type { ByteString } from "./types.ts";

/** POSIX.1-2017 pax, "pax Extended Header": records `LENGTH KEY=VALUE\n`. */

const XATTR_PREFIX = "SCHILY.xattr.";

/** A pair list and not a map: GNU sparse 0.0 repeats its keys, in order. */
export type PaxRecords = [key: ByteString, value: ByteString][];

/** @throws invalid when a record breaks the format. */
export function parsePax(data: Buffer): PaxRecords {
  const records: PaxRecords = [];
  let at = 0;
  while (at < data.length) {
    const space = data.indexOf(0x20, at);
    const digits = space < 0 ? "" : data.toString("latin1", at, space);
    if (!/^[0-9]{1,10}$/.test(digits)) throw badHeader("a pax record has no length");
    const end = at + Number(digits);
    if (end > data.length || end <= space + 1 || data[end - 1] !== 0x0a) throw badHeader("a pax record is cut off");
    const record = data.toString("latin1", space + 1, end - 1);
    const equals = record.indexOf("=");
    if (equals < 1) throw badHeader("a pax record has no key");
    const key = record.slice(0, equals);
    const value = record.slice(equals + 1);
    if (key.includes("\0")) throw badHeader("a pax key holds a NUL");
    if (/^(path|linkpath|uname|gname)$/.test(key) && value.includes("\0")) throw badHeader(`pax ${key} holds a NUL`);
    records.push([key, value]);
    at = end;
  }
  return records;
}

/** The bytes of an extended header. */
export function formatPax(records: Iterable<readonly [ByteString, ByteString]>): Buffer {
  let text = "";
  for (const [key, value] of records) text += formatRecord(key, value);
  return Buffer.from(text, "latin1");
}

function formatRecord(key: ByteString, value: ByteString): ByteString {
  const body = ` ${key}=${value}\n`;
  let length = body.length + 1;
  // The length counts its own digits.
  while (String(length).length + body.length !== length) length = String(length).length + body.length;
  return `${length}${body}`;
}

/** The extended attribute that a key stands for, or undefined. */
export function xattrOfKey(key: ByteString): ByteString | undefined {
  return key.startsWith(XATTR_PREFIX) ? key.slice(XATTR_PREFIX.length) : undefined;
}

export function keyOfXattr(name: ByteString): ByteString {
  return XATTR_PREFIX + name;
}

/** A decimal integer. @throws invalid. */
export function paxInteger(key: string, value: ByteString): number {
  const number = Number(value);
  if (!/^-?[0-9]+$/.test(value) || !Number.isSafeInteger(number)) throw badHeader(`pax ${key} is no number`);
  return number;
}

/** Seconds with a fraction of any length; what is finer than a nanosecond is cut off. @throws invalid. */
export function paxTime(key: string, value: ByteString): { seconds: number; nanos: number } {
  const match = /^(-?)([0-9]+)(?:\.([0-9]*))?$/.exec(value);
  if (match === null) throw badHeader(`pax ${key} is no time`);
  const seconds = Number(match[2]);
  const nanos = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  if (!Number.isSafeInteger(seconds)) throw badHeader(`pax ${key} is out of range`);
  if (match[1] !== "-") return { seconds, nanos };
  return nanos === 0 ? { seconds: -seconds, nanos: 0 } : { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos };
}

/** The text of a time, without trailing zeros. */
export function formatPaxTime(seconds: number, nanos: number): ByteString {
  if (nanos === 0) return String(seconds);
  if (seconds < 0) {
    const whole = -(seconds + 1);
    return `-${whole}.${fraction(1_000_000_000 - nanos)}`;
  }
  return `${seconds}.${fraction(nanos)}`;
}

function fraction(nanos: number): string {
  return String(nanos).padStart(9, "0").replace(/0+$/, "");
}
