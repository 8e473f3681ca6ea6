import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readKeyValueFiles } from "./environment.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-environment-"));
const file = join(folder, "file");
afterAll(() => rmSync(folder, { recursive: true }));

const read = async (content: string | Uint8Array, env?: Record<string, string>) => {
  writeFileSync(file, content);
  return await readKeyValueFiles([file], env);
};

test.each([
  ["# c\n\n  # c\nA=1\n  B= 2 \nC\nD\n", ["A=1", "B= 2 ", "C=of this process"]],
  ["\uFEFFA=1\r\nB=2", ["A=1", "B=2"]],
  ["A=\uFFFD\n", ["A=\uFFFD"]],
])("%j is read as %j", async (content, variables) => {
  expect(await read(content, { C: "of this process" })).toEqual(variables);
});

test("a label without a value is left out, whatever the environment has", async () => {
  expect(await read("a=1\nb\n")).toEqual(["a=1"]);
});

test("the longest line that Docker's command reads is read", async () => {
  const line = `A=${"x".repeat(65_533)}`;
  expect(await read(`${line}\n`)).toEqual([line]);
});

test.each([
  ["A B=1\n", "variable 'A B' contains whitespaces"],
  ["=1\n", "no variable name on line '=1'"],
  [`A=1\nB=${"x".repeat(65_534)}`, "bufio.Scanner: token too long"],
  [Buffer.from([0x61, 0x0a, 0x41, 0x3d, 0xff, 0x0a]), "invalid utf8 bytes at line 2: [65 61 255]"],
])("%p is refused", (content, why) => {
  expect(read(content)).rejects.toThrow(`invalid env file (${file}): ${why}`);
});
