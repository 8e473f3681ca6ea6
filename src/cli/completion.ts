import type { Completes, Context } from "./command.ts";
import { flagValues, objects } from "./completion-values.ts";
import { createContext } from "./context.ts";
import type { FlagTable } from "./flags.ts";
import { type GlobalFlags, globalFlags } from "./global-flags.ts";
import type { Io } from "./io.ts";
import { parseFlags } from "./parse-flags.ts";
import { findEntry, groups, membersOf, topLevel } from "./table.ts";

/** bash parts words at `:` and `=`, too: they are put together again, and of what is suggested the part behind the last goes back. */
const BASH = `_berth() {
  local IFS=$'\\n' line=\${COMP_LINE:0:COMP_POINT} words=() args=() part word breaks i
  for ((i = 0; i <= COMP_CWORD; i++)); do
    part=\${COMP_WORDS[i]}
    if [[ $i == 0 || $line == [[:space:]]* ]]; then
      line=\${line#"\${line%%[![:space:]]*}"}
      words+=("")
    fi
    [[ $line == "$part"* ]] || part=$line
    words[-1]+=$part
    line=\${line#"$part"}
  done
  for word in "\${words[@]:1}"; do args+=("--words=$word"); done
  COMPREPLY=($(berth completion "\${args[@]}" 2>/dev/null))
  word=\${words[-1]}
  [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
  [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
  [[ -n $breaks ]] && COMPREPLY=("\${COMPREPLY[@]#"\${word%"\${word##*[$breaks]}"}"}")
}
complete -o default -F _berth berth
`;

const ZSH = `#compdef berth
_berth() {
  local -a args found
  local word
  for word in "\${(@)words[2,CURRENT]}"; do args+=("--words=$word"); done
  found=("\${(@f)$(berth completion "\${args[@]}" 2>/dev/null)}")
  [[ -n "$found" ]] && compadd -a found || _files
}
if [[ "$funcstack[1]" == _berth ]]; then _berth; else compdef _berth berth; fi
`;

const FISH = `function __berth_complete
  set -l args
  for word in (commandline -opc)[2..-1] (commandline -ct)
    set -a args --words=$word
  end
  set -l found (berth completion $args 2>/dev/null)
  if test (count $found) -gt 0
    printf '%s\\n' $found
  else
    __fish_complete_path (commandline -ct)
  end
end
complete -c berth -f -a '(__berth_complete)'
`;

/** The script that a shell loads; it asks this program what may follow. Undefined for another shell. */
export function completionScript(shell: string): string | undefined {
  return { bash: BASH, zsh: ZSH, fish: FISH }[shell];
}

/** Whose flags are completed. */
interface Where {
  /** The first of the command's names. */
  command: string;
  table: FlagTable;
}

const GLOBAL: Where = { command: "", table: globalFlags };

/** What the last, incomplete word may become: commands, flags, their values, or names that the engine knows. */
export async function suggest(io: Io, words: readonly string[]): Promise<string[]> {
  const typed = words.at(-1) ?? "";
  const global = readWords(globalFlags, words.slice(0, -1), false);
  const context = contextOf(io, words.slice(0, words.length - 1 - global.args.length));
  if (global.awaits !== undefined) return await values(context, GLOBAL, global.awaits, typed);
  if (global.args.length === 0 && typed.startsWith("-")) return await flagWords(context, GLOBAL, typed);
  const isHelp = global.args[0] === "help";
  const before = isHelp ? global.args.slice(1) : global.args;
  const found = findEntry(before);
  if (found === undefined) return matching(commandsAfter(before), typed);
  if (isHelp) return [];
  const command = (await found.entry.load()).default;
  const where = { command: found.entry.names[0], table: command.flags };
  const { awaits, args, ended } = readWords(command.flags, found.rest, command.interspersed ?? true);
  if (awaits !== undefined) return await values(context, where, awaits, typed);
  if (typed.startsWith("-") && !ended) return await flagWords(context, where, typed);
  const isRest = command.interspersed === false && args.length > 0;
  if (command.completes === undefined || isRest || args.length >= command.count.max) return [];
  const kinds = typeof command.completes === "string" ? [command.completes] : command.completes;
  return matching(await known(context, kinds[args.length] ?? kinds.at(-1) ?? "files", typed), typed);
}

/** Without what cannot be used: a line that is being typed is often wrong. */
function contextOf(io: Io, flags: readonly string[]): Context {
  const parse = (words: readonly string[]) =>
    createContext(io, parseFlags(globalFlags, words, false).values as GlobalFlags); // parsed by this table
  try {
    return parse(flags);
  } catch {
    return parse([]);
  }
}

/** Names of commands and groups that may come next. */
function commandsAfter(before: readonly string[]): string[] {
  const [first, ...more] = before;
  if (first === undefined) return [...groups.map(({ name }) => name), ...topLevel().map(({ name }) => name), "help"];
  return more.length === 0 ? membersOf(first).map(({ name }) => name) : [];
}

function matching(candidates: readonly string[], typed: string): string[] {
  return candidates.filter((each) => each.startsWith(typed)).sort();
}

/** Which words are arguments, which flag still wants its value, and whether flags have ended. */
function readWords(
  table: FlagTable,
  words: readonly string[],
  interspersed: boolean,
): { awaits: string | undefined; args: readonly string[]; ended: boolean } {
  const args: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? "";
    if (word === "--") return { awaits: undefined, args: [...args, ...words.slice(at + 1)], ended: true };
    if (!word.startsWith("-") || word === "-") {
      if (!interspersed) return { awaits: undefined, args: words.slice(at), ended: true };
      args.push(word);
      continue;
    }
    const wanting = wantsValue(table, word);
    if (wanting === undefined) continue;
    at += 1;
    if (at === words.length) return { awaits: wanting, args, ended: false };
  }
  return { awaits: undefined, args, ended: false };
}

/** The flag whose value is the word after this one. */
function wantsValue(table: FlagTable, word: string): string | undefined {
  if (word.startsWith("--")) {
    const name = word.slice(2);
    return Object.hasOwn(table, name) && table[name]?.bare === undefined ? name : undefined;
  }
  for (const [index, letter] of word.slice(1).split("").entries()) {
    const [name, flag] = Object.entries(table).find(([, { short }]) => short === letter) ?? [];
    if (flag === undefined) return undefined;
    if (flag.bare === undefined) return index === word.length - 2 ? name : undefined;
  }
  return undefined;
}

/** Flags, or values behind `--flag=`. */
async function flagWords(context: Context, where: Where, typed: string): Promise<string[]> {
  const equals = typed.indexOf("=");
  if (equals !== -1) {
    const found = await values(context, where, typed.slice(2, equals), typed.slice(equals + 1));
    return found.map((each) => `${typed.slice(0, equals + 1)}${each}`);
  }
  const flags = Object.entries(where.table).filter(([, flag]) => flag.hidden !== true);
  return matching([...flags.map(([name]) => `--${name}`), "--help"], typed);
}

async function values(context: Context, { command, table }: Where, name: string, typed: string): Promise<string[]> {
  if (!Object.hasOwn(table, name)) return [];
  return matching(await flagValues(context, command, name, typed).catch(() => []), typed);
}

async function known(context: Context, kind: Completes, typed: string): Promise<string[]> {
  return await objects(context, kind, typed).catch(() => []);
}
