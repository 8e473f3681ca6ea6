/** Where containers are put that are to have a cgroup elsewhere. Engines leave it there. */
export const CGROUP_PARENT = "/berth-flags";

/**
 * Words after the flag's name, one or several flags on one line; the first is valid. `{name}` stands for a container of the
 * attempt's own, `{folder}` for a folder with files, `{peer}` for a container that runs, `{network}` for a network with
 * addresses of its own.
 */
export type Values = readonly string[];

/**
 * What is made before a command: nothing, a container that was only made, one that runs, one that runs until somebody has
 * attached to it, one that wrote lines and a file and ended, or one that asks for a line.
 */
export type World = "none" | "created" | "running" | "attached" | "ended" | "asking";

/** A command of the reference, and what some of its flags are tried with. */
export interface CommandFlags {
  /** As the reference calls it, without the program's name. */
  command: string;
  /** Words before and after the flag. */
  before: string;
  after: string;
  world: World;
  /** By flag of the reference; a boolean flag alone is named by `""`. */
  flags: Readonly<Record<string, Values>>;
  /** The flags' values are tried elsewhere: only a valid one and wrong ones are here. */
  brief?: true;
  /** Keys of attempts that would go on for ever, or end by chance. */
  untried?: readonly string[];
}

/** A command line that is tried. */
export interface FlagAttempt {
  /** Unique within the flag, and the same in every run. */
  key: string;
  of: CommandFlags;
  /** The flag with its value, and whatever is on the line with it. */
  words: string;
  /** The flag is the last word, or has a value that no engine is asked about: nothing is made, and any client will do. */
  local?: "last" | "wrong";
  /** It follows from the flag's type, and asks the engine nothing that docker's command would not ask with others. */
  ofType?: true;
}

/** What a command line came to. */
export interface FlagOutcome {
  code: number;
  stdout: string;
  stderr: string;
  /** Members of inspect that it changed, or that a container has which it made. */
  inspect?: Record<string, unknown>;
  /** What it made in the folder. */
  files?: readonly string[];
}
