import { tooCostly } from "./errors.ts";
import { matches } from "./match.ts";
import { parse } from "./parser.ts";
import { compileProgram } from "./program.ts";

export { RegexError } from "./errors.ts";

/** A regular expression of a client's. */
export interface Regex {
  /**
   * Whether the text has a match anywhere.
   * @throws invalid when all texts together took too many steps.
   */
  test(text: string): boolean;
}

/** Of 10 to 20 ms; an everyday expression takes less than a hundred for a name. */
const BUDGET = 250_000;

/**
 * Compiles an expression of RE2's syntax, which Go's regexp has and so Docker's API. Unlike with JavaScript's, no expression
 * can keep the event loop for long: the time to match grows with the text's length only, and is limited.
 * @throws RegexError with Go's text.
 */
export function compileRegex(expression: string): Regex {
  const program = compileProgram(parse(expression), expression);
  let left = BUDGET;
  const spend = (steps: number): void => {
    left -= steps;
    if (left < 0) throw tooCostly(expression);
  };
  return { test: (text) => matches(program, text, spend) };
}
