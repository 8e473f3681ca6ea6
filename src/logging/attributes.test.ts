import { expect, test } from "bun:test";
import { chosenAttributes, detailsText, tagOf } from "./attributes.ts";
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
  logPath: "",
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

test("a tag may name everything that Docker's may", () => {
  const names =
    "ID FullID Name ImageID ImageFullID ImageName DaemonName Command ContainerID ContainerName ContainerEntrypoint " +
    "ContainerArgs ContainerImageID ContainerImageName ContainerCreated LogPath ContainerEnv ContainerLabels";
  const tag = names.replace(/\w+/g, "{{.$&}}").replaceAll(" ", "|");
  const imageId = "sha256:0123456789abcdef";
  const source = { ...SOURCE, labels: { a: "b" }, args: ["-c", "x"], logPath: "/l", imageId };
  expect(tagOf({ ...source, createdAt: 1_700_000_000_500_000_000n, options: { tag } }, "").split("|")).toEqual([
    "000000000000",
    "0".repeat(64),
    "web",
    "0123456789ab",
    imageId,
    "web",
    "docker",
    "sh -c x",
    "0".repeat(64),
    "/web",
    "sh",
    "[-c x]",
    imageId,
    "web",
    "2023-11-14 22:13:20.5 +0000 UTC",
    "/l",
    "[APP_ENV=live PATH=/bin]",
    "map[a:b]",
  ]);
  expect(tagOf({ ...source, options: { tag: '{{index .Config "tag" | len}}' } }, "")).toBe("29");
});

test("details are written as in a URL's query", () => {
  expect(detailsText({ b: "two words, (both)", a: "x=é'" })).toBe("a=x%3D%C3%A9%27,b=two+words%2C+%28both%29");
});
