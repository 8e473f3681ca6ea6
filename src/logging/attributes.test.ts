import { expect, test } from "bun:test";
import { chosenAttributes } from "./attributes.ts";
import type { LogSource } from "./types.ts";

const SOURCE: LogSource = {
  id: "0".repeat(64),
  name: "web",
  imageId: "sha256:1",
  imageName: "web",
  entrypoint: "sh",
  args: [],
  createdAt: 0n,
  env: ["APP_ENV=live", "PATH=/bin"],
  labels: { "org.App.tier": "db", [`${"a".repeat(5000)}!`]: "long" },
  options: {},
};

test.each([
  [{ "env-regex": "^(OTHER|APP)_" }, { APP_ENV: "live" }],
  [
    { "labels-regex": "(?i)org\\.app\\.", env: "PATH" },
    { "org.App.tier": "db", PATH: "/bin" },
  ],
  // A backtracking engine would need longer than the sun will shine.
  [{ "labels-regex": "^(a+)+$" }, {}],
])("options %j choose what goes beside an entry", (options, chosen) => {
  expect(chosenAttributes({ ...SOURCE, options })).toEqual(chosen);
});

test("what Go would not take is refused with its text", () => {
  const options = { "env-regex": "(?=x)" };
  expect(() => chosenAttributes({ ...SOURCE, options })).toThrow(
    "error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
  );
});
