import { expect, test } from "bun:test";
import { messageOf } from "../../base/index.ts";
import { CALL, FakeWorld } from "../testing/fake-world.ts";

/** A platform, and what a create with it is answered where images are of linux/amd64. */
const ANSWERS: Array<[string, string]> = [
  ["linux/amd64", "made"],
  ["LINUX/x86_64", "made"],
  ["amd64", "made"],
  ["linux", "made"],
  [
    "linux/arm64",
    "image with reference busybox was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)",
  ],
  ["nonsense", '"nonsense": unknown operating system or architecture: invalid argument'],
  ["a/b/c/d", '"a/b/c/d": cannot parse platform specifier: invalid argument'],
  [
    "linux/",
    '"" is an invalid component of "linux/": platform specifier component must match "^[A-Za-z0-9_.-]+$": invalid argument',
  ],
];

for (const [platform, expected] of ANSWERS) {
  test(`${platform}: ${expected}`, async () => {
    await using world = new FakeWorld();
    const request = { name: undefined, platform, body: { Image: "busybox" } };
    const answer = await world.containers.create(request, CALL).then(() => "made", messageOf);
    expect(answer).toBe(expected);
  });
}
