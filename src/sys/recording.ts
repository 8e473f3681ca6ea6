import { constants } from "node:os";
import { unknown } from "../base/index.ts";
import type { Native } from "./types.ts";

export interface RecordedCall {
  name: string;
  args: readonly unknown[];
}

type Answer = (...args: never[]) => unknown;
/** What the fake answers, by call name; `waiting` answers take the same names. */
export type Answers = { [K in Exclude<keyof Native, "waiting">]?: Native[K] };

export interface RecordingNative {
  native: Native;
  /** Every call in order. */
  calls: RecordedCall[];
  /** The next call of that name fails with this errno. */
  failNext(name: keyof Answers, code: keyof typeof constants.errno): void;
}

/** A door that records calls, answers from a table, and fails on demand: for tests of what stands above `sys`. */
export function recordingNative(answers: Answers = {}): RecordingNative {
  const calls: RecordedCall[] = [];
  const failures = new Map<string, keyof typeof constants.errno>();
  const call = (name: string) =>
    function record(...args: unknown[]): unknown {
      calls.push({ name, args });
      const code = failures.get(name);
      failures.delete(name);
      if (code !== undefined) throw systemError(code, name);
      // Looked up by the name that was called, so the arguments are those of the answer.
      const answer = (answers as Record<string, Answer | undefined>)[name];
      if (answer === undefined) throw unknown(`no answer for ${name} in this recording`);
      return answer(...(args as never[]));
    };
  const door: unknown = new Proxy(
    {},
    {
      get: (_, name) => {
        if (name === "waiting") return door;
        return typeof name === "string" ? call(name) : undefined;
      },
    },
  );
  return {
    native: door as Native, // every name answers: the proxy is the whole interface
    calls,
    failNext: (name, code) => void failures.set(name, code),
  };
}

/** An error as the addon throws it. */
export function systemError(code: keyof typeof constants.errno, syscall: string): Error {
  return Object.assign(new Error(`${code}: injected, ${syscall}`), { code, errno: -constants.errno[code], syscall });
}
