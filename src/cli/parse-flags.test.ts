import { describe, expect, test } from "bun:test";
import { FlagError } from "./errors.ts";
import { bool, bytes, cpus, duration, filter, int, list, map, string, strings } from "./flags.ts";
import { parseFlags } from "./parse-flags.ts";

const table = {
  all: bool("", { short: "a" }),
  detach: bool("", { short: "d" }),
  filter: filter("", { short: "f" }),
  interactive: bool("", { short: "i" }),
  "sig-proxy": bool("", { initial: true }),
  name: string(""),
  publish: list("", { short: "p" }),
  number: int("", { short: "n", initial: -1 }),
  memory: bytes("", { short: "m" }),
  swap: bytes("", { allowUnlimited: true }),
  cpus: cpus(""),
  interval: duration(""),
  opt: map("", { short: "o" }),
  subnet: strings(""),
  tty: bool("", { short: "t" }),
  "old-opt": list("", { sameAs: "new-opt" }),
  "new-opt": list(""),
};

const parse = (words: string, interspersed = true) =>
  parseFlags(table, words === "" ? [] : words.split(" "), interspersed);

describe("values", () => {
  const cases: [words: string, flag: keyof typeof table, value: unknown][] = [
    ["", "number", -1],
    ["-itd", "tty", true],
    ["-itd", "detach", true],
    ["--all", "all", true],
    ["--all=false", "all", false],
    ["--sig-proxy=false", "sig-proxy", false],
    ["-a=0", "all", false],
    ["--name x", "name", "x"],
    ["--name=x=y", "name", "x=y"],
    ["--name=", "name", ""],
    ["-p8080:80", "publish", ["8080:80"]],
    ["-p=8080:80", "publish", ["8080:80"]],
    ["-p 1:1 -p 2:2", "publish", ["1:1", "2:2"]],
    ["-tp 1:1", "publish", ["1:1"]],
    ["-n 5", "number", 5],
    ["-n0x10", "number", 16],
    ["-m 64m", "memory", 64 << 20],
    ["-m 1.5GiB", "memory", 1.5 * 2 ** 30],
    ["--new-opt a --old-opt b --new-opt c", "new-opt", ["a", "b", "c"]],
    ["--number 9223372036854775807", "number", 9223372036854774784],
    ["--interval 2562047h47m16.854775807s", "interval", 9223372036854774784],
    ["--swap -1", "swap", -1],
    ["--cpus 1.5", "cpus", 1.5e9],
    ["--interval 1m30s", "interval", 90e9],
    ["--interval 1.5h", "interval", 5400e9],
    ["-o a=b -o c", "opt", { a: "b", c: "" }],
    ["--subnet a,b --subnet c", "subnet", ["a", "b", "c"]],
    ["-f A=b -f a=c", "filter", { a: ["b", "c"] }],
  ];
  for (const [words, flag, value] of cases)
    test(words || "nothing", () => expect(parse(words).values[flag]).toEqual(value));
});

describe("arguments", () => {
  test("flags may follow them", () => expect(parse("x -a y").args).toEqual(["x", "y"]));
  test("two dashes end the flags", () => expect(parse("x -- -a").args).toEqual(["x", "-a"]));
  test("a single dash is one", () => expect(parse("- x").args).toEqual(["-", "x"]));
  test("the first ends the flags of run and exec", () => {
    const line = parse("-a image -d --name", false);
    expect(line.args).toEqual(["image", "-d", "--name"]);
    expect([...line.changed]).toEqual(["all"]);
  });
});

describe("errors as pflag's", () => {
  const cases: [words: string, message: string][] = [
    ["--foo", "unknown flag: --foo"],
    ["-z", "unknown shorthand flag: 'z' in -z"],
    ["-az", "unknown shorthand flag: 'z' in -z"],
    ["--name", "flag needs an argument: --name"],
    ["-p", "flag needs an argument: 'p' in -p"],
    ["-ap", "flag needs an argument: 'p' in -p"],
    ["--=x", "bad flag syntax: --=x"],
    [
      "--all=maybe",
      'invalid argument "maybe" for "-a, --all" flag: strconv.ParseBool: parsing "maybe": invalid syntax',
    ],
    ["-n x", 'invalid argument "x" for "-n, --number" flag: strconv.ParseInt: parsing "x": invalid syntax'],
    ["-m xx", 'invalid argument "xx" for "-m, --memory" flag: invalid size: \'xx\''],
    ["-m 1x", 'invalid argument "1x" for "-m, --memory" flag: invalid suffix: \'x\''],
    ["--cpus abc", 'invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number'],
    ["--interval 5", 'invalid argument "5" for "--interval" flag: time: missing unit in duration "5"'],
    ["--interval x", 'invalid argument "x" for "--interval" flag: time: invalid duration "x"'],
    ["-f foo", 'invalid argument "foo" for "-f, --filter" flag: bad format of filter (expected name=value)'],
  ];
  for (const [words, message] of cases) test(words, () => expect(() => parse(words)).toThrow(new FlagError(message)));
});

test("--help is known to every command", () => {
  expect(parse("--help").help).toBe("long");
  expect(parse("-h").help).toBe("short");
  expect(parse("--help=false").help).toBe(undefined);
});
