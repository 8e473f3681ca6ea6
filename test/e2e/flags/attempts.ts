import { boundsOf, wrongOf } from "./kinds.ts";
import { containerRows, type Row } from "./reference.ts";
import type { CommandFlags, FlagAttempt } from "./types.ts";

export const UNKNOWN_FLAG = "--nosuch";

const rows = new Map(containerRows().map((row) => [`${row.command} ${row.flag}`, row]));

/** The command lines that are tried of a command, by flag. */
export function attemptsOf(of: CommandFlags): Array<readonly [section: string, attempts: readonly FlagAttempt[]]> {
  return Object.keys(of.flags).map((flag) => {
    const section = `${of.command} ${flag}`;
    const row = rows.get(section);
    if (row === undefined) throw new Error(`the reference has no ${section}`);
    const attempts = unique([...asked(of, row), ...refused(of, row)]);
    return [section, attempts.filter(({ key }) => of.untried?.includes(key) !== true)] as const;
  });
}

/** A command without a flag, and with one that no command has. */
export function plainAttempts(of: CommandFlags): FlagAttempt[] {
  return [
    { key: "no flag", of, words: "" },
    { key: "an unknown flag", of, words: UNKNOWN_FLAG, local: "wrong" },
  ];
}

/** What the engine is asked about: given values, the short form, bounds of the type, and the flag twice. */
function asked(of: CommandFlags, { flag, short, type }: Row): FlagAttempt[] {
  const values = of.flags[flag] ?? [];
  const [valid = "", another = ""] = values;
  if (of.brief === true) return [{ key: `${flag}${valid}`, of, words: `${flag}${valid}` }];
  const given = values.map((value) => `${flag}${value}`);
  const ofType = [
    ...(short === "" ? [] : [`${short}${valid}`]),
    ...boundsOf(type).map((value) => `${flag}=${value}`),
    `${flag}${valid} ${flag}${type === "bool" ? "=false" : another}`,
  ];
  return [
    ...given.map((words) => ({ key: words, of, words })),
    ...ofType
      .filter((words) => !given.includes(words))
      .map((words) => ({ key: words, of, words, ofType: true as const })),
  ];
}

/** What no engine is asked about: values of a wrong type, and none. */
function refused(of: CommandFlags, { flag, short, type }: Row): FlagAttempt[] {
  const wrong = wrongOf(type).map((value): FlagAttempt => {
    const words = `${flag}=${value}`;
    return { key: words, of, words, local: "wrong" };
  });
  const names = short === "" ? [flag] : [flag, short];
  const bare = names.map((name): FlagAttempt => ({ key: `${name} last`, of, words: name, local: "last" }));
  return type === "bool" ? wrong : [...wrong, ...bare];
}

/** A value may be among those given and at the bounds; what nobody is asked about goes before. */
function unique(attempts: readonly FlagAttempt[]): FlagAttempt[] {
  return [...new Map(attempts.map((each) => [each.key, each])).values()];
}
