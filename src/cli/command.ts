import type { Client, ConfigFile, EndpointSettings } from "../client/index.ts";
import type { FlagTable, FlagValues } from "./flags.ts";
import type { Io } from "./io.ts";

/** What a handler gets beside its flags and arguments. */
export interface Context {
  io: Io;
  /** The engine's client; made when first asked for. */
  client(): Promise<Client>;
  config(): Promise<ConfigFile>;
  configDirectory: string;
  endpointSettings(): Promise<EndpointSettings>;
  /** `--debug`. */
  debug: boolean;
}

export interface Invocation<F extends FlagTable> {
  flags: FlagValues<F>;
  changed: ReadonlySet<string>;
  args: readonly string[];
  /** The words that named the command: `run`, `container run`. */
  name: string;
}

/** What completion chooses from. */
export type Completes =
  "containers" | "running" | "images" | "networks" | "volumes" | "contexts" | "shells" | "switch" | "files";

/** How many arguments a command takes. */
export interface ArgumentCount {
  min: number;
  max: number;
}

export const none: ArgumentCount = { min: 0, max: 0 };
export const exactly = (count: number): ArgumentCount => ({ min: count, max: count });
export const atLeast = (min: number): ArgumentCount => ({ min, max: Number.POSITIVE_INFINITY });
export const atMost = (max: number): ArgumentCount => ({ min: 0, max });
export const between = (min: number, max: number): ArgumentCount => ({ min, max });

/** One command. Its names and summary stand in the table, which is loaded always; the rest here is loaded when it is used. */
export interface Command<F extends FlagTable = FlagTable> {
  /** After the name in `Usage:`; further lines are further forms. */
  usage: string | readonly string[];
  /** Below the summary in help. */
  description?: string;
  count: ArgumentCount;
  flags: F;
  /** False: flags end at the first argument. */
  interspersed?: boolean;
  /** What completion offers for the arguments: for each, or for the first, the second and so on. */
  completes?: Completes | readonly Completes[];
  /** @returns the exit code, 0 when nothing. */
  run(context: Context, invocation: Invocation<F>): Promise<number | void>;
}

/** Keeps the flags' types for the handler. */
export function defineCommand<F extends FlagTable>(command: Command<F>): Command {
  return command;
}
