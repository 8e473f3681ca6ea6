import { OPTIONS } from "./options.ts";

/** The text of `berth daemon --help`. */
export function daemonHelp(): string {
  const rows = Object.values(OPTIONS)
    .filter((option) => option.flag !== undefined && option.refused === undefined)
    .map((option): [string, string] => [
      `${option.short === undefined ? "    " : `-${option.short}, `}--${option.flag}${option.type === "bool" ? "" : ` ${option.type}`}`,
      option.help,
    ]);
  const width = Math.max(...rows.map(([flag]) => flag.length));
  const lines = rows.map(([flag, help]) => `  ${flag.padEnd(width)}   ${help}`);
  return `Usage:  berth daemon [OPTIONS]\n\nThe engine: it keeps images, containers, networks and volumes\n\nOptions:\n${lines.join("\n")}\n`;
}
