import { describe, expect, test } from "bun:test";
import { messageOf } from "../base/index.ts";
import { formatFilters, parseFilters } from "./filters.ts";
import { operations } from "./operations/index.ts";
import { boolean, integer, list, parseBoolean, parseTimestamp, string, terminalSide } from "./query.ts";
import { negotiate } from "./version.ts";

function problemOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return messageOf(error);
  }
  return "no problem";
}

describe("booleans", () => {
  test.each(["", "0", "no", "False", " none "])("%p is false", (text) => expect(parseBoolean(text)).toBe(false));
  test.each(["1", "true", "yes", "2", "x"])("%p is true", (text) => expect(parseBoolean(text)).toBe(true));
  test("absent is the fallback", () => {
    expect(boolean(true).read(undefined, "x")).toBe(true);
    expect(boolean(true).read(["0"], "x")).toBe(false);
  });
});

test("integers are decimal", () => {
  expect(integer().read(["-5"], "t")).toBe(-5);
  expect(integer().read([""], "t")).toBeUndefined();
  expect(problemOf(() => integer().read(["abc"], "t"))).toBe('strconv.Atoi: parsing "abc": invalid syntax');
  expect(integer().read(["9223372036854775807"], "t")).toBe(2 ** 63);
  expect(problemOf(() => integer().read(["9223372036854775808"], "t"))).toContain("value out of range");
});

test("a terminal's sides are required", () => {
  expect(terminalSide("height").read(["24"], "h")).toBe(24);
  expect(problemOf(() => terminalSide("height").read(["x"], "h"))).toBe('invalid resize height "x": invalid syntax');
  expect(problemOf(() => terminalSide("height").read(["-1"], "h"))).toBe(
    'invalid resize height "-1": value out of range',
  );
  expect(problemOf(() => terminalSide("width").read(undefined, "w"))).toBe('invalid resize width "": invalid syntax');
});

test("an empty string is an absent one, and a list keeps its order", () => {
  expect(string().read([""], "name")).toBeUndefined();
  expect(list().read(["b", "", "a"], "names")).toEqual(["b", "a"]);
});

test("of two times the later one may not come first, which is told before anything else that is wrong", () => {
  const { query } = operations.systemEvents;
  expect(Object.keys(query)).toEqual(["since", "until", "filters"]);
  const since = query.since.read(["2"], "since");
  expect(query.until.read(["2"], "until", { since })).toBe(2_000_000_000n);
  expect(problemOf(() => query.until.read(["1.5"], "until", { since }))).toBe(
    "`since` time (2) cannot be after `until` time (1.500000000)",
  );
  expect(query.until.read(["0"], "until", { since })).toBeUndefined();
});

test("instants have a fraction of up to nine digits", () => {
  expect(parseTimestamp("1700000000")).toBe(1_700_000_000_000_000_000n);
  expect(parseTimestamp("1700000000.5")).toBe(1_700_000_000_500_000_000n);
  expect(parseTimestamp("1.000000001")).toBe(1_000_000_001n);
  expect(parseTimestamp("99999999999")).toBe(99_999_999_999_000_000_000n);
  expect(problemOf(() => parseTimestamp("9".repeat(20)))).toEndWith("value out of range");
  expect(parseTimestamp("-1")).toBe(-1_000_000_000n);
  expect(problemOf(() => parseTimestamp("abc"))).toBe('strconv.ParseInt: parsing "abc": invalid syntax');
});

describe("filters", () => {
  test("have two forms", () => {
    expect(parseFilters('{"label":["a=b","c"]}', ["label"])).toEqual(new Map([["label", ["a=b", "c"]]]));
    expect(parseFilters('{"label":{"a=b":true,"c":true}}', ["label"])).toEqual(new Map([["label", ["a=b", "c"]]]));
    expect(parseFilters("", ["label"]).size).toBe(0);
    expect(formatFilters(new Map([["label", ["a"]]]))).toBe('{"label":["a"]}');
  });
  test.each([
    ['{"foo":["a"]}', "invalid filter 'foo'"],
    ["zzz", "invalid filter"],
    ["[1]", "invalid filter"],
    ['{"label":5}', "invalid filter"],
    ['{"label":[5]}', "invalid filter"],
    ['{"label":{"a":5}}', "invalid filter"],
  ])("%p is refused", (text, problem) => {
    expect(problemOf(() => parseFilters(text, ["label"]))).toBe(problem);
  });
});

test("versions outside of what is spoken are refused with the texts that clients know", () => {
  expect(negotiate("1.41")).toEqual([1, 41]);
  expect(problemOf(() => negotiate("1.99"))).toBe(
    "client version 1.99 is too new. Maximum supported API version is 1.51",
  );
  expect(problemOf(() => negotiate("1.12"))).toBe(
    "client version 1.12 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
  );
});
