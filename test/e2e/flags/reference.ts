import { readFileSync } from "node:fs";
import { ROOT } from "../../support/engine.ts";

/** A flag of a command for containers, or with an empty name the command itself. */
export interface Row {
  /** Without the program's name: `container create`. */
  command: string;
  /** Other names of the command, in the same way. */
  aliases: readonly string[];
  flag: string;
  short: string;
  type: string;
}

/** The rows of test/fixtures/cli/commands.tsv of the commands for containers by their long names. */
export function containerRows(): Row[] {
  return readFileSync(`${ROOT}/test/fixtures/cli/commands.tsv`, "utf8")
    .split("\n")
    .map((line) => line.split("\t"))
    .filter(([tool, command = ""]) => tool === "docker" && command.startsWith("docker container "))
    .map(([, command = "", aliases = "", flag = "", short = "", type = ""]) => ({
      command: named(command),
      aliases: aliases === "" ? [] : aliases.split(/, */).map(named),
      flag,
      short,
      type,
    }));
}

function named(command: string): string {
  return command.replace(/^docker /, "");
}
