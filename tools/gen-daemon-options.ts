/** Writes docs/daemon-options.md from the daemon's option table; `--check` fails when the file is out of date. */
import { readFileSync, writeFileSync } from "node:fs";
import { format, resolveConfig } from "prettier";
import type { Option } from "../src/daemon/option.ts";
import { OPTIONS } from "../src/daemon/options.ts";

const TARGET = new URL("../docs/daemon-options.md", import.meta.url).pathname;

function row(option: Option): string {
  const flag =
    option.flag === undefined ? "" : `\`--${option.flag}\`${option.short === undefined ? "" : ` \`-${option.short}\``}`;
  const key = option.key === undefined ? "" : `\`${option.key}\``;
  const value =
    option.default === undefined || option.default === ""
      ? ""
      : `\`${JSON.stringify(option.default).replace(/^"|"$/g, "")}\``;
  const notes = [
    option.help,
    option.reload === true ? "Read again on SIGHUP." : "",
    option.refused === undefined ? "" : `Refused: ${option.refused}.`,
  ];
  return `| ${flag} | ${key} | ${option.type} | ${value} | ${notes
    .filter((note) => note !== "")
    .join(". ")
    .replaceAll("..", ".")
    .replaceAll("|", "\\|")} |`;
}

const text = await format(
  `<!-- Written by tools/gen-daemon-options.ts. Do not edit. -->

# Options of \`berth daemon\`

Flags and keys have dockerd's names. An option set in both places is an error, except lists and maps, where both count. A
key that is not in this table is an error that names it.

| flag | key in daemon.json | type | default | |
| --- | --- | --- | --- | --- |
${Object.values(OPTIONS).map(row).join("\n")}
`,
  { ...(await resolveConfig(TARGET)), parser: "markdown" },
);
if (process.argv.includes("--check")) {
  if (readFileSync(TARGET, "utf8") !== text) {
    console.error("docs/daemon-options.md is out of date: run tools/bun tools/gen-daemon-options.ts");
    process.exit(1);
  }
} else writeFileSync(TARGET, text);
