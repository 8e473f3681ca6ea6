import { describe, expect, test } from "bun:test";
import { messageOf, parseDigest } from "../base/index.ts";
import {
  familiarName,
  familiarReference,
  formatPlatform,
  fullReference,
  parsePlatform,
  parseReference,
  platformRank,
  withDefaultTag,
  withDigest,
  withTag,
} from "./index.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

function failure(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return messageOf(error);
  }
  return "no error";
}

describe("a reference", () => {
  const names: Array<[text: string, full: string, familiar: string]> = [
    ["busybox", "docker.io/library/busybox", "busybox"],
    ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
    ["library/busybox", "docker.io/library/busybox", "busybox"],
    ["docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/busybox", "docker.io/library/busybox", "busybox"],
    ["index.docker.io/some/thing:x", "docker.io/some/thing:x", "some/thing:x"],
    ["some/thing", "docker.io/some/thing", "some/thing"],
    ["library/some/thing", "docker.io/library/some/thing", "library/some/thing"],
    ["localhost/thing", "localhost/thing", "localhost/thing"],
    ["localhost:5000/thing:x", "localhost:5000/thing:x", "localhost:5000/thing:x"],
    ["127.0.0.1:5000/a/b_c/d--e.f__g:V1", "127.0.0.1:5000/a/b_c/d--e.f__g:V1", "127.0.0.1:5000/a/b_c/d--e.f__g:V1"],
    ["[::1]:5000/thing", "[::1]:5000/thing", "[::1]:5000/thing"],
    ["Host/thing", "Host/thing", "Host/thing"],
    ["example.com/thing", "example.com/thing", "example.com/thing"],
    [`busybox@${DIGEST}`, `docker.io/library/busybox@${DIGEST}`, `busybox@${DIGEST}`],
    [`busybox:x@${DIGEST}`, `docker.io/library/busybox:x@${DIGEST}`, `busybox:x@${DIGEST}`],
    [`thing:${"t".repeat(128)}`, `docker.io/library/thing:${"t".repeat(128)}`, `thing:${"t".repeat(128)}`],
  ];
  for (const [text, full, familiar] of names) {
    test(`${text.slice(0, 40)} is read`, () => {
      const reference = parseReference(text);
      expect(fullReference(reference)).toBe(full);
      expect(familiarReference(reference)).toBe(familiar);
      expect(fullReference(parseReference(full))).toBe(full);
      expect(fullReference(parseReference(familiar))).toBe(full);
    });
  }

  const refused: Array<[text: string, message: string]> = [
    ["", "invalid reference format"],
    ["::", "invalid reference format"],
    [":tag", "invalid reference format"],
    ["a b", "invalid reference format"],
    ["-a", "invalid reference format"],
    ["a..b", "invalid reference format"],
    ["a/", "invalid reference format"],
    ["a//b", "invalid reference format"],
    ["/a", "invalid reference format"],
    ["../a", "invalid reference format"],
    ["a:", "invalid reference format"],
    ["a:-b", "invalid reference format"],
    [`a:${"t".repeat(129)}`, "invalid reference format"],
    ["a@sha256:abc", "invalid reference format"],
    [`a@sha256:${"a".repeat(40)}`, "invalid checksum digest length"],
    [`a@md5:${"a".repeat(32)}`, "unsupported digest algorithm"],
    ["Busybox", "invalid reference format: repository name (library/Busybox) must be lowercase"],
    ["localhost:5000/Thing:x", "invalid reference format: repository name (Thing) must be lowercase"],
    ["0".repeat(64), `invalid repository name (${"0".repeat(64)}), cannot specify 64-byte hexadecimal strings`],
    ["a".repeat(256), "repository name must not be more than 255 characters"],
  ];
  for (const [text, message] of refused) {
    test(`${JSON.stringify(text.slice(0, 40))} is refused`, () =>
      expect(failure(() => parseReference(text))).toBe(message));
  }

  test("takes tags and digests", () => {
    const bare = parseReference("thing");
    expect(familiarReference(withDefaultTag(bare))).toBe("thing:latest");
    expect(familiarReference(withDefaultTag(parseReference("thing:x")))).toBe("thing:x");
    expect(familiarReference(withTag(bare, "V1.2-x"))).toBe("thing:V1.2-x");
    expect(failure(() => withTag(bare, "a b"))).toBe("invalid tag format");
    expect(familiarReference(withDigest(parseReference("thing:x"), parseDigest(DIGEST)))).toBe(`thing@${DIGEST}`);
    expect(familiarName(parseReference("docker.io/library/a/b"))).toBe("library/a/b");
  });
});

describe("a platform", () => {
  test("is read in its usual spellings", () => {
    const spellings = ["linux/x86_64", "linux/amd64/v1", "linux/aarch64", "linux/arm64/v8", "linux/arm", "Linux/AMD64"];
    expect(spellings.map((text) => formatPlatform(parsePlatform(text)))).toEqual([
      "linux/amd64",
      "linux/amd64",
      "linux/arm64",
      "linux/arm64",
      "linux/arm/v7",
      "linux/amd64",
    ]);
    expect(parsePlatform("amd64").architecture).toBe("amd64");
    expect(failure(() => parsePlatform("linux/a b"))).toContain("unknown operating system or architecture");
  });

  test("is served by its own and by older variants", () => {
    const rank = (wanted: string, offered: string): number =>
      platformRank(parsePlatform(wanted), parsePlatform(offered));
    expect(rank("linux/amd64", "linux/amd64")).toBeGreaterThan(0);
    expect(rank("linux/amd64", "linux/arm64")).toBe(0);
    expect(rank("linux/amd64", "linux/amd64/v3")).toBe(0);
    expect(rank("linux/amd64/v3", "linux/amd64")).toBeGreaterThan(0);
    expect(rank("linux/arm/v7", "linux/arm/v7")).toBeGreaterThan(rank("linux/arm/v7", "linux/arm/v6"));
    expect(rank("linux/arm/v6", "linux/arm/v7")).toBe(0);
    expect(rank("linux/amd64", "windows/amd64")).toBe(0);
  });
});
