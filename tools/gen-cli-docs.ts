/**
 * Writes docs/cli-reference.md from the command table.
 *
 *     tools/bun tools/gen-cli-docs.ts [--check]
 */
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { format, resolveConfig } from "prettier";
import type { Command } from "../src/cli/command.ts";
import type { FlagTable } from "../src/cli/flags.ts";
import { type Entry, entries } from "../src/cli/table.ts";

const path = join(import.meta.dirname, "../docs/cli-reference.md");
const text = await render();
if (process.argv.includes("--check")) {
  const found = await readFile(path, "utf8").catch(() => "");
  if (found !== text) {
    console.error("docs/cli-reference.md is not what tools/gen-cli-docs.ts writes: run tools/check --fix");
    process.exit(1);
  }
} else await writeFile(path, text);

async function render(): Promise<string> {
  const parts = [
    "# Command reference\n",
    "Written from the command table in `src/cli/table.ts`; do not edit. `berth COMMAND --help` prints the same.\n",
    "Commands, flags, output and exit codes are Docker's. The engine is found by `-H`, `BERTH_HOST`, `DOCKER_HOST`, or the context in use;",
    "without any of them it is `unix:///run/berth.sock`.\n",
  ];
  const sorted = [...entries].sort((left, right) => (left.names[0] < right.names[0] ? -1 : 1));
  for (const entry of sorted) parts.push(section(entry, (await entry.load()).default));
  return format(parts.join("\n"), { ...(await resolveConfig(path)), filepath: path });
}

function section(entry: Entry, command: Command): string {
  const [name, ...others] = [...entry.names].sort(
    (left, right) => left.split(" ").length - right.split(" ").length || left.length - right.length,
  );
  const forms = typeof command.usage === "string" ? [command.usage] : command.usage;
  const usage = forms.map((form) => `berth ${name ?? ""} ${form}`.trimEnd()).join("\n");
  const aliases = others.length === 0 ? "" : `\nAlso: ${others.map((other) => `\`berth ${other}\``).join(", ")}.\n`;
  return `## berth ${name ?? ""}\n\n${entry.summary}.\n${aliases}\n\`\`\`text\n${usage}\n\`\`\`\n${flagTable(command.flags)}`;
}

function flagTable(flags: FlagTable): string {
  const shown = Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  if (shown.length === 0) return "";
  const rows = shown.map(([name, flag]) => {
    const names = flag.short === undefined ? `\`--${name}\`` : `\`-${flag.short}\`, \`--${name}\``;
    const initial = flag.shownDefault === undefined ? "" : ` Default: \`${flag.shownDefault}\`.`;
    return `| ${names} | ${flag.type} | ${escape(flag.help.replaceAll("\n", "; "))}.${initial} |`;
  });
  return `\n| flag | value | what it does |\n| --- | --- | --- |\n${rows.join("\n")}\n`;
}

function escape(help: string): string {
  return help.replaceAll("|", "\\|").replaceAll("<", "&lt;");
}
