import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { pendingCommands, pendingFlags } from "./pending.ts";
import { entries, findEntry, groups } from "./table.ts";
import { CLIENT_VERSION } from "./version.ts";

interface Reference {
  command: string;
  flag: string;
  short: string;
}

/** The reference's rows of the `docker` command itself; Compose and buildx are programs of their own. */
async function reference(): Promise<Reference[]> {
  const text = await readFile(new URL("../../test/fixtures/cli/commands.tsv", import.meta.url), "utf8");
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.split("\t"))
    .filter(([tool, command]) => tool === "docker" && command !== "docker")
    .map(([, command = "", , flag = "", short = ""]) => ({
      command: command.replace(/^docker /, ""),
      flag: flag.replace(/^--/, ""),
      short: short.replace(/^-/, ""),
    }));
}

const rows = await reference();
const known = (command: string) =>
  groups.some(({ name }) => name === command) || entries.some(({ names }) => names.includes(command));

describe("the reference of commands", () => {
  test("has every command in the table or on the pending list", () => {
    const missing = [...new Set(rows.map(({ command }) => command))].filter(
      (command) => !known(command) && !pendingCommands.includes(command),
    );
    expect(missing).toEqual([]);
  });

  test("has every flag in its command or on the pending list", async () => {
    const missing: string[] = [];
    for (const { command, flag, short } of rows) {
      if (flag === "" || pendingCommands.includes(command)) continue;
      const entry = findEntry(command.split(" "))?.entry;
      const declared = (await entry?.load())?.default.flags[flag];
      if (declared !== undefined) expect(pendingFlags).not.toContain(`${command} --${flag}`);
      if (declared === undefined && !pendingFlags.includes(`${command} --${flag}`))
        missing.push(`${command} --${flag}`);
      else if (declared !== undefined && (declared.short ?? "") !== short)
        missing.push(`${command} --${flag} -${short}`);
    }
    expect(missing).toEqual([]);
  });

  test("justifies every entry of the pending list", () => {
    expect(pendingCommands.filter((command) => known(command) || !rows.some((row) => row.command === command))).toEqual(
      [],
    );
    const flags = rows.map(({ command, flag }) => `${command} --${flag}`);
    expect(pendingFlags.filter((flag) => !flags.includes(flag))).toEqual([]);
  });
});

test("no name stands for two commands", () => {
  const names = entries.flatMap((entry) => entry.names);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("the client's version is the package's", async () => {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  expect((JSON.parse(text) as { version: string }).version).toBe(CLIENT_VERSION);
});
