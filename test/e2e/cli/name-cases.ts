import { entries, groups } from "../../../src/cli/table.ts";
import type { CliCase } from "./cases.ts";

/** Commands of berth's own, and those whose usage differs: `logs` takes several containers, `builder` warns of buildx there. */
const OWN = /^(?:completion|debug|system default|builder.*|(?:container )?logs)$/;
/** Docker's is marked as experimental, with lines of its own. */
const EXPERIMENTAL = /^manifest/;

const named = entries.map((entry) => entry.names.filter((name) => !OWN.test(name))).filter((names) => names.length > 0);
const groupNames = groups.map(({ name }) => name).filter((name) => name !== "builder");

/** Each name of each command and group: its help, and what it says to words that it does not know. */
export const nameCases: readonly CliCase[] = [
  // The second form of `cp` is written with its short name there, whichever was used
  ...named
    .flat()
    .filter((name) => !EXPERIMENTAL.test(name) && name !== "container cp")
    .map((name): CliCase => ({ args: [...name.split(" "), "--help"], shape: true })),
  ...named.map((names): CliCase => ({ args: [...(names.at(-1) ?? "").split(" "), "--nosuch"] })),
  ...groupNames.flatMap((name): CliCase[] => [
    { args: [name, "nosuch"] },
    { args: [name, "--nosuch"] },
    { args: ["help", name, "nosuch"] },
  ]),
  ...groupNames
    .filter((name) => !EXPERIMENTAL.test(name))
    .flatMap((name): CliCase[] => [
      { args: [name], shape: true },
      { args: [name, "-h"], shape: true },
      { args: [name, "--help", "nosuch"], shape: true },
      { args: ["help", name], shape: true },
    ]),
];
