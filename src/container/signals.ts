import { invalidSignal, unsupportedSignal } from "./errors.ts";

const NAMES = [
  "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU",
  "XFSZ VTALRM PROF WINCH IO PWR SYS",
]
  .join(" ")
  .split(" ");

const RTMIN = 34;
const RTMAX = 64;

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...NAMES.map((name, index): [string, number] => [name, index + 1]),
  ["IOT", 6],
  ["CLD", 17],
  ["POLL", 29],
  ["UNUSED", 31],
  ["RTMIN", RTMIN],
  ["RTMAX", RTMAX],
  ...Array.from({ length: 15 }, (_, index): [string, number] => [`RTMIN+${index + 1}`, RTMIN + index + 1]),
  ...Array.from({ length: 14 }, (_, index): [string, number] => [`RTMAX-${index + 1}`, RTMAX - index - 1]),
]);

export const SIGKILL = 9;
export const SIGTERM = 15;

/**
 * A signal by number (`9`) or name, with or without `SIG`, any case.
 * @throws invalid for what is no signal, and for a number that Linux has not.
 */
export function parseSignal(text: string): number {
  if (/^-?\d+$/.test(text)) {
    const number = Number(text);
    if (number === 0) throw invalidSignal(text);
    if (number < 1 || number > RTMAX) throw unsupportedSignal(text);
    return number;
  }
  const number = NUMBERS.get(text.toUpperCase().replace(/^SIG/, ""));
  if (number === undefined) throw invalidSignal(text);
  return number;
}
