import { attemptsOf, plainAttempts } from "./attempts.ts";
import { COMMANDS } from "./command-flags.ts";
import type { CommandFlags, FlagAttempt } from "./types.ts";

/** All attempts: those at a flag under `COMMAND FLAG`, those without one as `plainSection` has it. */
export const SECTIONS: ReadonlyMap<string, readonly FlagAttempt[]> = new Map(
  COMMANDS.flatMap((of) => [[plainSection(of), plainAttempts(of)] as const, ...attemptsOf(of)]),
);

/** Where the attempts without a flag are that those with one are held against. */
export function plainSection({ command, before, after }: CommandFlags): string {
  return `${command}: ${before} … ${after}`;
}
