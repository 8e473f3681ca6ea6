import { badBufferSize, badMode, bufferWithoutMode, unknownOption } from "./errors.ts";

/** Options that every driver takes. */
const COMMON = new Set(["mode", "max-buffer-size"]);

/** @throws invalid with Docker's text for a name that the driver does not have, or a bad delivery mode. */
export function checkOptions(driver: string, options: Record<string, string>, own: ReadonlySet<string>): void {
  const mode = options["mode"] ?? "";
  if (!["", "blocking", "non-blocking"].includes(mode)) throw badMode(mode);
  const buffer = options["max-buffer-size"];
  if (buffer !== undefined) {
    if (mode !== "non-blocking") throw bufferWithoutMode();
    if (parseSize(buffer) === undefined) throw badBufferSize(buffer);
  }
  for (const name of Object.keys(options)) {
    if (!own.has(name) && !COMMON.has(name)) throw unknownOption(name, driver);
  }
}

const UNITS: Record<string, number> = { "": 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, p: 1024 ** 5 };

/** `10m`, `1.5 GiB`, `4096`: bytes in powers of 1024; undefined when it is no size. */
export function parseSize(text: string): number | undefined {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s?([bkmgtp]?)(?:i?b)?$/i.exec(text.trim()) ?? [];
  if (number === undefined || unit === undefined) return undefined;
  return Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? 1));
}
