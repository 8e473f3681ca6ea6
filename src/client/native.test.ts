import { describe, expect, test } from "bun:test";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dialNative, readStoredFile, readTextFile } from "./native.ts";

describe.each([readTextFile, readStoredFile])("%p", (read) => {
  test("gives the text of files, and of the kernel's, which claim to be empty", async () => {
    const folder = await mkdtemp(join(tmpdir(), "berth-native-"));
    try {
      const at = (name: string) => join(folder, name);
      await writeFile(at("plain"), "é\n");
      await writeFile(at("empty"), "");
      expect(await read(at("plain"))).toBe("é\n");
      expect(await read(at("empty"))).toBe("");
      expect(await read("/proc/self/comm")).toEndWith("\n");
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test("gives nothing for a file that is not there, and fails for what is none", async () => {
    expect(await read("/proc/none")).toBeUndefined();
    expect(await read("/proc/self/comm/below")).toBeUndefined();
    expect(await read("/proc/self").catch((error: unknown) => error)).toBeInstanceOf(Error);
  });
});

describe("a connection to a unix socket that nobody reads", () => {
  test("takes more when it was widened", async () => {
    const folder = await mkdtemp(join(tmpdir(), "berth-native-"));
    const path = join(folder, "socket");
    const listening = createServer({ pauseOnConnect: true }).listen(path);
    try {
      await once(listening, "listening");
      const nothing = { data: () => undefined, end: () => undefined, drain: () => undefined, close: () => undefined };
      const narrow = await dialNative({ kind: "unix", path }, nothing);
      const wide = await dialNative({ kind: "unix", path }, nothing);
      await wide.widen?.();
      const much = new Uint8Array(2 << 20);
      expect(wide.write(much)).toBeGreaterThan(narrow.write(much));
      for (const socket of [narrow, wide]) socket.destroy();
    } finally {
      listening.close();
      await rm(folder, { recursive: true });
    }
  });
});
