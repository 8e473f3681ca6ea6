import { expect, test } from "bun:test";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { appArmorProfiles, parse } from "./apparmor.ts";

test("profiles of AppArmor are told by their names", () => {
  const text = "docker-default (enforce)\n/usr/bin/man (enforce)\nwith space (complain)\n";
  expect([...(appArmorProfiles(text) ?? [])]).toEqual(["docker-default", "/usr/bin/man", "with space"]);
  expect(appArmorProfiles("")).toBeUndefined();
});

test("the parser gets the profile, and what it complains of is told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-apparmor-"));
  const parser = async (script: string) => {
    const path = join(folder, "parser");
    await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return await parse(path);
  };
  try {
    expect(await parser(`cat >${folder}/profile; echo "$@" >${folder}/arguments`)).toBeUndefined();
    expect(await readFile(join(folder, "profile"), "utf8")).toContain("profile docker-default ");
    expect(await readFile(join(folder, "arguments"), "utf8")).toContain("--replace");
    expect(await parser("echo no such rule >&2; exit 1")).toBe("no such rule");
    expect(await parser("exit 3")).toEndWith("parser ended with 3");
    expect(await parse(join(folder, "none"))).toContain("ENOENT");
  } finally {
    await rm(folder, { recursive: true });
  }
});
