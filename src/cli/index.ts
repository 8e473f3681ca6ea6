import { ClientError, exitOnSignals } from "../client/index.ts";
import type { ArgumentCount, Command } from "./command.ts";
import { createContext } from "./context.ts";
import { CliError, FlagError, messageOf } from "./errors.ts";
import { type GlobalFlags, globalFlags } from "./global-flags.ts";
import { type Io, processIo } from "./io.ts";
import { parseFlags } from "./parse-flags.ts";
import { common, type Entry, findEntry, groups, membersOf, topLevel } from "./table.ts";
import { CLIENT_VERSION, GIT_COMMIT, PROGRAM } from "./version.ts";

export type { Io } from "./io.ts";

const LOG_LEVELS = new Set(["trace", "debug", "info", "warn", "warning", "error", "fatal", "panic"]);

/**
 * Runs one command line.
 * @param argv the words after the program's name.
 * @returns the exit code.
 */
export async function main(argv: readonly string[], io: Io = processIo()): Promise<number> {
  try {
    return await dispatch(argv, io);
  } catch (error) {
    if (error instanceof CliError) {
      io.out(error.stdout);
      if (error.message !== "") io.err(`${error.message}\n`);
      return error.exitCode;
    }
    io.err(`${messageOf(error)}\n`);
    if (!(error instanceof ClientError) && io.env["BERTH_DEBUG"] !== undefined && error instanceof Error)
      io.err(`${error.stack ?? ""}\n`);
    return 1;
  } finally {
    await io.flush();
  }
}

async function dispatch(argv: readonly string[], io: Io): Promise<number> {
  const globals = parseOr125(() => parseFlags(globalFlags, argv, false), "", "[OPTIONS] COMMAND [ARG...]");
  const flags = globals.values as GlobalFlags; // parsed by this table
  const words = globals.args;
  const found = findEntry(words);
  // `help NAME` is the plugin's, too; the folders of plugins are read for nothing else than what is not known here
  const named = words[0] === "help" ? words[1] : words[0];
  if (named !== undefined && (words[0] === "help" ? findEntry([named]) : found) === undefined && !isGroup(named)) {
    const { becomePlugin } = await import("./run-plugin.ts");
    await becomePlugin(named, argv, flags, io);
  }
  // `--version` before a command's name is nothing to that command
  if (flags.version && found === undefined && !isGroup(words[0])) {
    io.out(`Berth version ${CLIENT_VERSION}, build ${GIT_COMMIT}\n`);
    return 0;
  }
  if (!LOG_LEVELS.has(flags["log-level"])) throw new CliError(`Unable to parse logging level: ${flags["log-level"]}`);
  if (globals.help !== undefined) {
    noticeShort(globals.help, (text) => io.err(text));
    if (found !== undefined) await showHelp(found, io);
    else await groupOrRootHelp(words[0], (text) => io.out(text), flags, io);
    return 0;
  }
  if (words[0] === "help") return await help(words.slice(1), flags, io);
  if (words.length === 0) {
    await groupOrRootHelp(undefined, (text) => io.err(text), flags, io);
    return 0;
  }
  if (found === undefined) return await group(words, flags, io);
  const { entry, name } = found;
  const context = createContext(io, flags);
  // As of Docker's command: whoever started this one learns the signal from the code
  exitOnSignals();
  // The engine takes the connection up while the command is loaded
  if (entry.local !== true)
    context.client().then(
      (client) => client.warm(),
      () => undefined, // said when the command asks for the client
    );
  const command = (await entry.load()).default;
  const line = parseOr125(
    () => parseFlags(command.flags, found.rest, command.interspersed ?? true),
    name,
    command.usage,
  );
  // `run` and `create` declare --help, because their -h is another flag
  if (line.help !== undefined || line.values["help"] === true) {
    noticeShort(line.help, (text) => io.out(text));
    await showHelp(found, io);
    return 0;
  }
  checkCount(command.count, line.args.length, name, command);
  for (const flag of line.changed) {
    const notice = command.flags[flag]?.deprecated;
    if (notice !== undefined) io.err(`Flag --${flag} has been deprecated, ${notice}\n`);
  }
  refuseOthers(command, line.changed);
  const code = await command.run(context, { flags: line.values, changed: line.changed, args: line.args, name });
  return code ?? 0;
}

const ENGINES = {
  Windows: "running on windows, but the Docker daemon is running on linux",
  "experimental features": "with experimental features enabled",
} as const;

/** @throws CliError for flags that only other engines know. */
function refuseOthers(command: Command, changed: ReadonlySet<string>): void {
  const faults: string[] = [];
  for (const name of changed) {
    const engine = command.flags[name]?.onlyWith;
    if (engine !== undefined) faults.push(`"--${name}" is only supported on a Docker daemon ${ENGINES[engine]}`);
  }
  if (faults.length > 0) throw new CliError(faults.sort().join("\n"));
}

function parseOr125<T>(parse: () => T, name: string, usage: string | readonly string[]): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    const full = name === "" ? PROGRAM : `${PROGRAM} ${name}`;
    const forms = typeof usage === "string" ? [usage] : usage;
    const lines = forms.map((form) => `${full} ${form}`.trimEnd()).join("\n\t");
    throw new CliError(`${error.message}\n\nUsage:  ${lines}\n\nRun '${full} --help' for more information`, 125);
  }
}

function checkCount(count: ArgumentCount, given: number, name: string, command: Command): void {
  if (given >= count.min && given <= count.max) return;
  const plural = (number: number) => `${number} argument${number === 1 ? "" : "s"}`;
  const { min, max } = count;
  const said =
    max === 0
      ? "accepts no arguments"
      : min === max
        ? `requires ${plural(min)}`
        : max === Number.POSITIVE_INFINITY
          ? `requires at least ${plural(min)}`
          : min === 0
            ? `requires at most ${plural(max)}`
            : `requires at least ${min} and at most ${plural(max)}`;
  const full = `${PROGRAM} ${name}`;
  const forms = typeof command.usage === "string" ? [command.usage] : command.usage;
  const usage = forms.map((form) => `${full} ${form}`.trimEnd()).join("\n\t");
  // Docker says "See" here for commands with an open end, and clients compare the text
  const lead = max === Number.POSITIVE_INFINITY ? "See" : "Run";
  throw new CliError(
    `${PROGRAM}: '${full}' ${said}\n\nUsage:  ${usage}\n\n${lead} '${full} --help' for more information`,
  );
}

function isGroup(word: string | undefined): boolean {
  return groups.some(({ name }) => name === word);
}

/** `berth container`, `berth container --help`, or words that name nothing. */
async function group(words: readonly string[], flags: GlobalFlags, io: Io): Promise<number> {
  const [first = "", second] = words;
  const known = groups.find(({ name }) => name === first);
  if (known === undefined) {
    throw new CliError(
      `${PROGRAM}: unknown command: ${PROGRAM} ${first}\n\nRun '${PROGRAM} --help' for more information`,
    );
  }
  if (second === undefined) {
    await groupOrRootHelp(first, (text) => io.err(text), flags, io);
    return 0;
  }
  if (second === "--help" || second === "-h") {
    noticeShort(second === "-h" ? "short" : "long", (text) => io.out(text));
    const found = findEntry([first, ...words.slice(2)]);
    if (found?.name.startsWith(`${first} `) === true) await showHelp(found, io);
    else await groupOrRootHelp(first, (text) => io.out(text), flags, io);
    return 0;
  }
  const full = `${PROGRAM} ${first}`;
  const form = known.usage === undefined ? "" : ` ${known.usage}`;
  if (second.startsWith("-")) parseOr125(() => parseFlags({}, words.slice(1), false), first, known.usage ?? "");
  throw new CliError(
    `${PROGRAM}: unknown command: ${full} ${second}\n\nUsage:  ${full}${form}\n\nRun '${full} --help' for more information`,
  );
}

/** `berth help`, with or without the name of a command. */
async function help(given: readonly string[], flags: GlobalFlags, io: Io): Promise<number> {
  const line = parseOr125(() => parseFlags({}, given, true), "help", "[command]");
  const words = line.args;
  if (line.help !== undefined || words[0] === "help") {
    noticeShort(line.help, (text) => io.out(text));
    io.out(`Usage:  ${PROGRAM} help [command]\n\nShow what a command is for and what it takes\n`);
    return 0;
  }
  const found = findEntry(words);
  const known = isGroup(words[0]);
  const unknown = found?.rest ?? (known ? words.slice(1) : words);
  if (unknown.length > 0) throw new CliError(`unknown help topic: ${unknown.join(" ")}`);
  if (found !== undefined) await showHelp(found, io);
  else await groupOrRootHelp(words[0], (text) => io.out(text), flags, io);
  return 0;
}

/** `-h` still works, and says that it should not be used. */
function noticeShort(form: "long" | "short" | undefined, print: (text: string) => void): void {
  if (form === "short") print("Flag shorthand -h has been deprecated, use --help\n");
}

async function showHelp({ entry, name }: { entry: Entry; name: string }, io: Io): Promise<void> {
  const { commandHelp } = await import("./help.ts");
  io.out(commandHelp(entry, name, (await entry.load()).default));
}

/** The help of the group of that name, else of the program. */
async function groupOrRootHelp(
  name: string | undefined,
  print: (text: string) => void,
  flags: GlobalFlags,
  io: Io,
): Promise<void> {
  const { groupHelp, rootHelp: render } = await import("./help.ts");
  const known = groups.find((group) => group.name === name);
  if (known !== undefined) return print(groupHelp(known, membersOf(known.name)));
  const { foldersOf, listPlugins } = await import("./plugins.ts");
  const plugins = await listPlugins(await foldersOf(flags.config, io.env));
  const usable = plugins.filter(({ fault }) => fault === undefined);
  const added = usable.map((each) => ({ name: `${each.name}*`, summary: each.metadata.ShortDescription ?? "" }));
  const invalid = plugins.flatMap(({ name, fault }) => (fault === undefined ? [] : [{ name, summary: fault }]));
  const all = topLevel();
  const first = common.flatMap((name) => all.filter((each) => each.name === name));
  const sections = [
    { title: "Common Commands", entries: first },
    {
      title: "Management Commands",
      entries: [...groups, ...added].sort((left, right) => (left.name < right.name ? -1 : 1)),
    },
    { title: "Commands", entries: all.filter(({ name }) => !common.includes(name)) },
    ...(invalid.length > 0 ? [{ title: "Invalid Plugins", entries: invalid }] : []),
  ];
  print(render(sections, globalFlags));
}
