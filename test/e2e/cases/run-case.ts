import { run } from "../../support/process.ts";
import { normalise } from "./normalise.ts";
import type { Case, Outcome } from "./types.ts";

/** Runs a case's commands in order and gives each one's normalised outcome. */
export async function runCase(each: Case, program: string, env: Record<string, string>): Promise<Outcome[]> {
  const prefix = `case-${each.name.replaceAll("/", "-")}`;
  const outcomes: Outcome[] = [];
  for (const { args, input } of each.steps) {
    const words = args.map((word) => word.replaceAll("{name}", prefix));
    outcomes.push(normalise(await run(program, words, { env, ...(input === undefined ? {} : { input }) }), prefix));
  }
  return outcomes;
}
