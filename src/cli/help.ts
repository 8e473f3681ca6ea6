import type { Command } from "./command.ts";
import type { FlagTable } from "./flags.ts";
import type { Entry, Group } from "./table.ts";
import { PROGRAM } from "./version.ts";

const WIDTH = 79;
/** pflag lets a line run this much over before it wraps. */
const SLOP = 5;

/** The help of a command. */
export function commandHelp(entry: Entry, name: string, command: Command): string {
  const parts = [usageBlock(name, command), command.description ?? entry.summary];
  if (entry.names.length > 1) {
    parts.push(`Aliases:\n  ${entry.names.map((each) => `${PROGRAM} ${each}`).join(", ")}`);
  }
  const flags = flagLines(command.flags);
  if (flags !== "") parts.push(`Options:\n${flags}`);
  return `${parts.join("\n\n")}\n`;
}

/** `Usage:  berth ps [OPTIONS]`, a line a form. */
export function usageBlock(name: string, command: Command): string {
  const forms = typeof command.usage === "string" ? [command.usage] : command.usage;
  const lines = forms.map((form) => `${PROGRAM} ${name} ${form}`.trimEnd());
  return `Usage:  ${lines.join("\n\t")}`;
}

/** The help of a group of commands. */
export function groupHelp(group: Group, entries: readonly { name: string; summary: string }[]): string {
  return (
    `Usage:  ${PROGRAM} ${group.name} COMMAND\n\n${group.summary}\n\nCommands:\n${commandLines(entries)}\n\n` +
    `Run '${PROGRAM} ${group.name} COMMAND --help' for more information on a command.\n`
  );
}

export function rootHelp(
  sections: readonly { title: string; entries: readonly { name: string; summary: string }[] }[],
  globals: FlagTable,
): string {
  const lists = sections.map(({ title, entries }) => `${title}:\n${commandLines(entries)}`).join("\n\n");
  return (
    `Usage:  ${PROGRAM} [OPTIONS] COMMAND\n\nRuns containers\n\n${lists}\n\n` +
    `Global Options:\n${flagLines(globals)}\n\nRun '${PROGRAM} COMMAND --help' for more information on a command.\n`
  );
}

function commandLines(entries: readonly { name: string; summary: string }[]): string {
  const width = Math.max(11, ...entries.map(({ name }) => name.length));
  return entries.map(({ name, summary }) => `  ${name.padEnd(width)} ${summary}`).join("\n");
}

/** The flags of a table in alphabetical order, help wrapped beside them. */
export function flagLines(flags: FlagTable): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true && flag.deprecated === undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, flag]) => {
      const letter = flag.short === undefined ? "    " : `-${flag.short}, `;
      const type = flag.type === "" ? "" : ` ${flag.type}`;
      const shown = flag.shownDefault === undefined ? "" : ` (default ${flag.shownDefault})`;
      return { left: `  ${letter}--${name}${type}`, help: flag.help + shown };
    });
  const width = Math.max(0, ...rows.map(({ left }) => left.length)) + 3;
  return rows.map(({ left, help }) => left.padEnd(width) + wrap(width, WIDTH, help)).join("\n");
}

function wrap(indent: number, width: number, text: string): string {
  const spaces = " ".repeat(indent);
  const lines: string[] = [];
  for (let rest = text; rest !== "";) {
    const [line, more] = cut(width - indent - SLOP, rest);
    lines.push(line.replaceAll("\n", `\n${spaces}`));
    rest = more;
  }
  return lines.join(`\n${spaces}`);
}

function cut(width: number, text: string): [line: string, rest: string] {
  if (width + SLOP > text.length) return [text, ""];
  const head = text.slice(0, width);
  const space = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\t"), head.lastIndexOf("\n"));
  if (space <= 0) return [text, ""];
  const newline = head.lastIndexOf("\n");
  const at = newline > 0 && newline < space ? newline : space;
  return [text.slice(0, at), text.slice(at + 1)];
}
