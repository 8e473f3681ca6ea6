import { describe, expect, test } from "bun:test";
import { messageOf } from "../base/index.ts";
import type { ImageRunConfig } from "../spec/index.ts";
import { applyChanges } from "./changes.ts";
import { parseInstant } from "./filters.ts";
import { expandWord, splitWords } from "./shell-words.ts";

const change = (lines: string[], base: ImageRunConfig = {}): ImageRunConfig => applyChanges(base, lines);

function failure(...lines: string[]): string {
  try {
    change(lines);
  } catch (error) {
    return messageOf(error);
  }
  return "no error";
}

describe("changes", () => {
  const cases: Array<[lines: string[], expected: ImageRunConfig, base?: ImageRunConfig]> = [
    [["CMD echo hi"], { Cmd: ["/bin/sh", "-c", "echo hi"] }],
    [['cmd ["a", "b c"]'], { Cmd: ["a", "b c"] }],
    [["CMD [a, b]"], { Cmd: ["/bin/sh", "-c", "[a, b]"] }],
    [['ENTRYPOINT ["x"]'], { Entrypoint: ["x"], Cmd: null }, { Cmd: ["old"] }],
    [['CMD ["new"]', 'ENTRYPOINT ["x"]'], { Entrypoint: ["x"], Cmd: ["new"] }, { Cmd: ["old"] }],
    [["ENV A=1 B='two words' C=a\\ b"], { Env: ["A=1", "B=two words", "C=a b"] }],
    [["ENV A the rest of it"], { Env: ["A=the rest of it"] }],
    [["ENV A=2"], { Env: ["A=2", "B=1"] }, { Env: ["A=1", "B=1"] }],
    [["ENV A=${B:-x}-${B:+y}-$B-$$", "ENV C=$A"], { Env: ["A=x---$$", "C=x---$$"] }],
    [["LABEL d=e"], { Labels: { d: "e" } }],
    [['LABEL "a.b"="c d" e=f'], { Labels: { "a.b": "c d", e: "f" } }],
    [
      ["EXPOSE 80 90/udp 100-102/TCP"],
      { ExposedPorts: { "80/tcp": {}, "90/udp": {}, "100/tcp": {}, "101/tcp": {}, "102/tcp": {} } },
    ],
    [["WORKDIR a", "WORKDIR b", "WORKDIR ../c"], { WorkingDir: "/a/c" }],
    [["WORKDIR /x"], { WorkingDir: "/x" }, { WorkingDir: "/old" }],
    [["USER u:g"], { User: "u:g" }],
    [['VOLUME ["/a b", "/c"]'], { Volumes: { "/a b": {}, "/c": {} } }],
    [["VOLUME /a /c"], { Volumes: { "/a": {}, "/c": {} } }],
    [["STOPSIGNAL sigterm"], { StopSignal: "sigterm" }],
    [["STOPSIGNAL 9"], { StopSignal: "9" }],
    [["ONBUILD RUN x"], { OnBuild: ["RUN x"] }],
    [["HEALTHCHECK NONE"], { Healthcheck: { Test: ["NONE"] } }],
    [
      ['HEALTHCHECK --interval=5s --timeout=1m30s --start-period=1s --retries=3 CMD ["curl", "x"]'],
      { Healthcheck: { Interval: 5e9, Timeout: 90e9, StartPeriod: 1e9, Retries: 3, Test: ["CMD", "curl", "x"] } },
    ],
    [["HEALTHCHECK CMD curl x"], { Healthcheck: { Test: ["CMD-SHELL", "curl x"] } }],
    [["CMD a\nENV b=c"], { Cmd: ["/bin/sh", "-c", "a"], Env: ["b=c"] }],
    [["ENV a=1 \\\n b=2"], { Env: ["a=1", "b=2"] }],
  ];
  for (const [lines, expected, base] of cases) {
    test(lines.join("; "), () => expect(change(lines, base)).toEqual({ ...base, ...expected }));
  }

  test("leave what they change alone", () => {
    const base = { Env: ["A=1"], Labels: { a: "b" } };
    change(["ENV A=2", "LABEL a=c"], base);
    expect(base).toEqual({ Env: ["A=1"], Labels: { a: "b" } });
  });

  const refused: Array<[line: string, message: string]> = [
    ["RUN x", "RUN is not a valid change command"],
    ["bogus x", "bogus is not a valid change command"],
    ["ENV x", "ENV must have two arguments"],
    ["ENV a=b c", `Syntax error - can't find = in "c". Must be of the form: name=value`],
    ["EXPOSE x", "Invalid containerPort: x"],
    ["EXPOSE 70000", "Invalid containerPort: 70000"],
    ["STOPSIGNAL BOGUS", "invalid signal: BOGUS"],
    ["HEALTHCHECK x", 'Unknown type "X" in HEALTHCHECK (try CMD)'],
    ["HEALTHCHECK CMD", "Missing command after HEALTHCHECK CMD"],
    ["ONBUILD ONBUILD RUN x", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"],
    ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
    ["WORKDIR", "WORKDIR requires exactly one argument"],
  ];
  for (const [line, message] of refused) test(`${line} is refused`, () => expect(failure(line)).toBe(message));
});

test("words are split outside of quotes", () => {
  expect(splitWords(`a  "b c" d\\ e 'f "g' h="i j"`)).toEqual(["a", '"b c"', "d\\ e", `'f "g'`, 'h="i j"']);
});

test("words are expanded as a shell does", () => {
  const env = new Map([["V", "value"]]);
  const expand = (word: string): string => expandWord(word, env);
  expect(["$V", "${V}x", "'$V'", '"$V"', "\\$V", "${N:-d$V}", "${V:+is}", "$", "a$"].map(expand)).toEqual([
    "value",
    "valuex",
    "$V",
    "value",
    "$V",
    "dvalue",
    "is",
    "$",
    "a$",
  ]);
});

test("instants are durations, Unix seconds or dates", () => {
  const now = Date.parse("2024-05-05T00:00:00Z");
  expect(parseInstant("1h30m", now)).toBe(now - 5_400_000);
  expect(parseInstant("1700000000.5", now)).toBe(1_700_000_000_500);
  expect(parseInstant("2024-01-02", now)).toBe(Date.parse("2024-01-02T00:00:00Z"));
  expect(parseInstant("2024-01-02T03:04:05Z", now)).toBe(Date.parse("2024-01-02T03:04:05Z"));
  expect(parseInstant("2024-01-02T03Z", now)).toBe(Date.parse("2024-01-02T03:00:00Z"));
});
