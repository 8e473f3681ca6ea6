import { describe, expect, test } from "bun:test";
import { LineWriter, linePrefixes } from "./log-lines.ts";

/** What a writer of a log shows of pieces that come on one stream. */
async function shown(pieces: readonly string[], prefix = "", accepts?: (line: string) => boolean) {
  const out = { stdout: "", stderr: "" };
  const add = (stream: "stdout" | "stderr") => async (bytes: Uint8Array) =>
    void (out[stream] += new TextDecoder().decode(bytes));
  const lines = new LineWriter({ stdout: add("stdout"), stderr: add("stderr") }, prefix, accepts);
  for (const piece of pieces) await lines.stdout(new TextEncoder().encode(piece));
  const before = out.stdout;
  await lines.end();
  return { before, after: out.stdout };
}

describe("lines of logs", () => {
  test("stand behind their prefix, in whatever pieces they come", async () => {
    expect((await shown(["a\nb", "c\n", "\n"], "web | ")).before).toBe("web | a\nweb | bc\nweb | \n");
  });

  test("are held back until they are whole, and ended at the end", async () => {
    expect(await shown(["one\ntw"], "x | ")).toEqual({ before: "x | one\n", after: "x | one\nx | tw\n" });
  });

  test("are left out when they do not match", async () => {
    const accepts = (line: string) => /b+$/.test(line);
    expect((await shown(["ab\nbc\nx", "bb\nb"], "", accepts)).after).toBe("ab\nxbb\nb\n");
  });

  test("of a terminal match to their end, and stay as they are", async () => {
    const accepts = (line: string) => line.endsWith("b");
    expect((await shown(["ab\r\nbc\r\n"], "", accepts)).after).toBe("ab\r\n");
  });

  test("that never end come in pieces", async () => {
    const { before } = await shown(["x".repeat(1 << 20), "x".repeat(1 << 20)], "> ");
    expect(before.split("\n")[0]).toHaveLength((1 << 20) + 2);
  });

  test("of standard error stay there", async () => {
    const out = { stdout: "", stderr: "" };
    const lines = new LineWriter(
      {
        stdout: async (bytes) => void (out.stdout += String(bytes.length)),
        stderr: async (bytes) => void (out.stderr += new TextDecoder().decode(bytes)),
      },
      "a | ",
      undefined,
    );
    const half = new TextEncoder().encode("wr");
    await lines.stderr(half);
    half.fill(0); // the bytes were the caller's
    await lines.stderr(new TextEncoder().encode("ong\n"));
    await lines.end();
    expect(out).toEqual({ stdout: "", stderr: "a | wrong\n" });
  });
});

test("prefixes are of one width, and coloured on demand", () => {
  expect(linePrefixes(["a", "long"], false)).toEqual(["a    | ", "long | "]);
  expect(linePrefixes(["a", "b"], true)).toEqual(["\u001b[36ma | \u001b[0m", "\u001b[33mb | \u001b[0m"]);
});
