import { expect, test } from "bun:test";
import { messageOf } from "../base/index.ts";
import { parseJson } from "./json.ts";

function problemOf(text: string): string {
  try {
    parseJson(text);
  } catch (error) {
    return messageOf(error);
  }
  return "no problem";
}

test.each([
  ["", "invalid JSON: got EOF while reading request body"],
  ["  \n", "invalid JSON: got EOF while reading request body"],
  ['{"Image":"a"', "invalid JSON: unexpected EOF"],
  ['{"Image":"a', "invalid JSON: unexpected EOF"],
  ["{a", "invalid JSON: invalid character 'a' looking for beginning of object key string"],
  ["nope", "invalid JSON: invalid character 'o' in literal null (expecting 'u')"],
  ['{"a":1,}', "invalid JSON: invalid character '}' looking for beginning of object key string"],
  ['{"a" 1}', "invalid JSON: invalid character '1' after object key"],
  ['{"a":1 "b"', `invalid JSON: invalid character '"' after object key:value pair`],
  ["[1 2]", "invalid JSON: invalid character '2' after array element"],
  ["[1,", "invalid JSON: unexpected EOF"],
  ["'x'", "invalid JSON: invalid character '\\'' looking for beginning of value"],
  ['"a\nb"', "invalid JSON: invalid character '\\n' in string literal"],
  ["{} x", "unexpected content after JSON"],
  ["{}{}", "unexpected content after JSON"],
  ["1 2", "unexpected content after JSON"],
])("%p is refused as Go's decoder does", (text, problem) => {
  expect(problemOf(text)).toBe(problem);
});

test("deep nesting is refused, however broken", () => {
  expect(problemOf("[".repeat(20_000))).toBe("invalid JSON: exceeded max depth");
  expect(problemOf('{"a":'.repeat(20_000))).toBe("invalid JSON: exceeded max depth");
});

test("nesting up to the limit is parsed, and brackets in strings are none", () => {
  expect(problemOf("[".repeat(10_000) + "]".repeat(10_000))).toBe("no problem");
  expect(problemOf(JSON.stringify("[".repeat(20_000) + '"\\'))).toBe("no problem");
  expect(problemOf("[".repeat(10_000))).toBe("invalid JSON: unexpected EOF");
});

test.each([
  ["9223372036854775807", 9223372036854774784],
  ["9223372036854775808", 9223372036854775808],
  ["-9223372036854775808", -9223372036854775808],
  ["-9223372036854775809", -9223372036854777856],
  ["18446744073709551615", 18446744073709549568],
  ["18446744073709551616", 18446744073709551616],
  ["9007199254740993", 9007199254740992],
])("%s, which no double holds, stays within its type or beyond it", (text, value) => {
  expect(parseJson(`{"a":[${text}]}`)).toEqual({ a: [value] });
});

test("a number of a million digits is beyond every type, and no error", () => {
  expect(parseJson(`[${"9".repeat(1_000_000)}]`)).toEqual([Number.POSITIVE_INFINITY]);
});

test("valid JSON is what it says", () => {
  expect(parseJson('{"a":[1,"x",null]}')).toEqual({ a: [1, "x", null] });
});
