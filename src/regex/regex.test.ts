import { describe, expect, test } from "bun:test";
import { compileRegex } from "./index.ts";

const TEXTS = ["aab", "Foo.bar_9", "é-ſK", "x\ny", " sp[t]ab\t", "z", "😀z", "\u212a", "ß", "Σα"];
const ALL = TEXTS.map((_text, index) => index);

/** Expression → the texts that Go's regexp finds it in. */
const MATCHES: [string, number[]][] = [
  ["(?P<n>a)(?<m>b)", [0, 4]],
  ["a{,2}", []],
  ["a{01}", []],
  ["^a{2}b$", [0]],
  ["^A{2}B$", []],
  ["(?i)^A{2}B$", [0]],
  ["(?i)K", [2, 7]],
  ["(?i)[k]", [2, 7]],
  ["(?i)[^K]", [0, 1, 2, 3, 4, 5, 6, 8, 9]],
  ["(?i)s", [2, 4]],
  ["(?i)\\p{Lu}", ALL],
  ["(?i)[\\W]", [1, 2, 3, 4, 6, 8, 9]],
  ["(?i)ß", [8]],
  ["(?i)Σ", [9]],
  ["\\w", [0, 1, 2, 3, 4, 5, 6]],
  ["\\W", [1, 2, 3, 4, 6, 7, 8, 9]],
  ["\\d$", [1]],
  ["\\S\\s\\S", [3]],
  ["^.+$", [0, 1, 2, 4, 5, 6, 7, 8, 9]],
  ["(?s)^.+$", ALL],
  ["(?m)^y$", [3]],
  ["^y$", []],
  ["\\bab", [4]],
  ["\\Bab", [0]],
  ["\\By", []],
  ["[\\d-z]", [1, 2, 5, 6]],
  ["[[:upper:]][^[:upper:]]", [1]],
  ["[[:^word:]]", [1, 2, 3, 4, 6, 7, 8, 9]],
  ["[]a]b", [0, 4]],
  ["[^]a]b", [1]],
  ["[[a]b]", []],
  ["[a-]", [0, 1, 2, 4]],
  ["\\Q[t]\\E", [4]],
  ["\\Qa+", []],
  ["\\p{Greek}", [9]],
  ["\\pL\\PL", [1, 2, 3, 4]],
  ["\\p{^L}", [1, 2, 3, 4, 6]],
  ["\\A", ALL],
  ["^$", []],
  ["o{2}?\\.", [1]],
  ["(?U)a+", [0, 1, 4]],
  ["(?i:FOO)\\.b", [1]],
  ["(?i)foo(?-i)\\.B", []],
  ["((?i)FOO)\\.B", []],
  ["(?s-i:.)x|\\n", [3]],
  ["\\x{1F600}", [6]],
  ["\\101", []],
  ["[\\x41-\\x5a]", [1, 2]],
  ["(|a)*b", [0, 1, 4]],
  ["(a*)*c|(b*)+9", [1]],
  ["a{0}", ALL],
  ["(a{1000}){0}", ALL],
  ["(?:a|b){3}", [0]],
  ["(?:a|b){4,}", []],
  ["a{1000}|b{1000}|c", []],
  ["^*", ALL],
  ["\\b+", [0, 1, 2, 3, 4, 5, 6]],
  ["[^\\x00-\\x{10FFFF}]", []],
  ["]", [4]],
  ["a{1", []],
];

/** Expression → Go's fault. */
const FAULTS: [string, string][] = [
  ["[", "missing closing ]: `[`"],
  ["x[a", "missing closing ]: `[a`"],
  ["[[:alpha", "missing closing ]: `[[:alpha`"],
  ["(a", "missing closing ): `(a`"],
  ["(?i:a", "missing closing ): `(?i:a`"],
  ["a)", "unexpected ): `a)`"],
  ["a**", "invalid nested repetition operator: `**`"],
  ["a*?*", "invalid nested repetition operator: `*?*`"],
  ["a{2}{3}", "invalid nested repetition operator: `{2}{3}`"],
  ["{2}", "missing argument to repetition operator: `{2}`"],
  ["(*", "missing argument to repetition operator: `*`"],
  ["a|*", "missing argument to repetition operator: `*`"],
  ["a{1001}", "invalid repeat count: `{1001}`"],
  ["a{2,1}", "invalid repeat count: `{2,1}`"],
  ["(a{100}){100}", "invalid repeat count: `{100}`"],
  ["(a{2}){501}", "invalid repeat count: `{501}`"],
  ["(?=x)", "invalid or unsupported Perl syntax: `(?=`"],
  ["(?z)", "invalid or unsupported Perl syntax: `(?z`"],
  ["(?i", "invalid or unsupported Perl syntax: `(?i`"],
  ["(?i-)", "invalid or unsupported Perl syntax: `(?i-)`"],
  ["(?<=x)", "invalid named capture: `(?<=x)`"],
  ["(?P<n", "invalid named capture: `(?P<n`"],
  ["(?P<1-a>b)", "invalid named capture: `(?P<1-a>`"],
  ["\\1", "invalid escape sequence: `\\1`"],
  ["\\y", "invalid escape sequence: `\\y`"],
  ["[a-\\d]", "invalid escape sequence: `\\d`"],
  ["\\x{110000}", "invalid escape sequence: `\\x{110000`"],
  ["\\x{}", "invalid escape sequence: `\\x{}`"],
  ["\\", "trailing backslash at end of expression: ``"],
  ["[z-a]", "invalid character class range: `z-a`"],
  ["[[:foo:]]", "invalid character class range: `[:foo:]`"],
  ["\\pX", "invalid character class range: `\\pX`"],
  ["\\p{Foo}", "invalid character class range: `\\p{Foo}`"],
  ["\\p{L", "invalid character class range: `\\p{L`"],
  [`${"(".repeat(1001)}${")".repeat(1001)}`, "expression nests too deeply: "],
];

test.each(MATCHES)("%s matches what it does in Go", (expression, expected) => {
  const regex = compileRegex(expression);
  expect(ALL.filter((index) => regex.test(TEXTS[index] ?? ""))).toEqual(expected);
});

test.each(FAULTS)("%s is refused with Go's text", (expression, fault) => {
  expect(() => compileRegex(expression)).toThrow(`error parsing regexp: ${fault}`);
});

describe("hostile expressions", () => {
  const LONG = "a".repeat(20_000);

  test("what backtracking takes for ever over is answered", () => {
    expect(compileRegex("^(a+)+$").test(`${"a".repeat(5000)}!`)).toBe(false);
    expect(compileRegex("((a|a)*)*x").test("a".repeat(5000))).toBe(false);
  });

  test("all texts together take a limited number of steps", () => {
    expect(() => compileRegex("(a?){1000}b").test(LONG)).toThrow("takes too long");
    const regex = compileRegex("b$");
    expect(() => Array.from({ length: 1000 }, () => regex.test(LONG))).toThrow("takes too long");
  });

  test("size is limited", () => {
    expect(() => compileRegex("(abcdefghijk){1000}")).toThrow("expression too large");
    expect(() => compileRegex("[[:".repeat(2000))).toThrow("expression too large");
  });
});
