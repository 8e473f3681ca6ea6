import { invalid } from "../../base/index.ts";

const CONTROL = "@abcdefghijklmnopqrstuvwxyz[\\]^_";

/** ctrl-p,ctrl-q */
export const DEFAULT_DETACH_KEYS = Uint8Array.of(0x10, 0x11);

/**
 * `ctrl-p,ctrl-q` or `a,b` as the bytes to look for.
 * @param what begins the error's text: `Invalid detach keys (x) provided` for attach, `Invalid escape keys …` for exec.
 */
export function parseDetachKeys(text: string | undefined, what: "detach" | "escape"): Uint8Array {
  if (text === undefined || text === "") return DEFAULT_DETACH_KEYS;
  const bytes = text.split(",").map((key) => {
    if (key === "DEL") return 127;
    const control = /^ctrl-(.)$/s.exec(key)?.[1];
    const code = control === undefined ? -1 : CONTROL.indexOf(control);
    if (code >= 0) return code;
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    throw invalid(`Invalid ${what} keys (${text}) provided`);
  });
  return Uint8Array.from(bytes);
}
