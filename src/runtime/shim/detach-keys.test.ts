import { describe, expect, test } from "bun:test";
import { DetachKeys } from "./detach-keys.ts";

/** Scans pieces one after the other; gives what passed and whether the sequence was found. */
function type(keys: string, pieces: readonly string[]): { passed: string; detached: boolean; rest: string } {
  const scanner = new DetachKeys(Buffer.from(keys));
  let passed = "";
  for (const piece of pieces) {
    const { pass, detached } = scanner.scan(Buffer.from(piece));
    passed += Buffer.from(pass).toString();
    if (detached) return { passed, detached, rest: "" };
  }
  return { passed, detached: false, rest: Buffer.from(scanner.rest()).toString() };
}

describe("detach keys", () => {
  test("are found in one piece, and what follows is dropped", () => {
    expect(type("pq", ["abpqcd"])).toEqual({ passed: "ab", detached: true, rest: "" });
  });

  test("are found over pieces", () => {
    expect(type("pq", ["ap", "q"])).toEqual({ passed: "a", detached: true, rest: "" });
  });

  test("a beginning that does not go on is passed", () => {
    expect(type("pq", ["p", "x"])).toEqual({ passed: "px", detached: false, rest: "" });
  });

  test("a key that breaks the sequence does not begin it anew", () => {
    expect(type("pq", ["pp", "q"])).toEqual({ passed: "ppq", detached: false, rest: "" });
    expect(type("abc", ["a", "b", "a", "b", "c"])).toEqual({ passed: "ababc", detached: false, rest: "" });
    expect(type("pq", ["p", "ppq"])).toEqual({ passed: "pp", detached: true, rest: "" });
  });

  test("what is held back at the end of input is not lost", () => {
    expect(type("pq", ["ap"])).toEqual({ passed: "a", detached: false, rest: "p" });
  });

  test("no keys: everything passes", () => {
    expect(type("", ["pq"])).toEqual({ passed: "pq", detached: false, rest: "" });
  });

  test("one key", () => {
    expect(type("x", ["ax"])).toEqual({ passed: "a", detached: true, rest: "" });
  });
});
