import { invalid, type EngineError } from "../base/index.ts";

/** Why a text is no regular expression, or one that is too large: in the words of Go's regexp package. */
export class RegexError extends Error {
  override name = "RegexError";

  /** @param part the piece of the expression that is at fault. */
  constructor(why: string, part: string) {
    super(`error parsing regexp: ${why}: \`${part}\``);
  }
}

export const tooCostly = (expression: string): EngineError =>
  invalid(`matching the regexp \`${expression}\` takes too long`);
