/** True for the characters (code points) that a place in an expression takes. */
export type CharTest = (char: number) => boolean;

export type Assertion = "text-start" | "text-end" | "line-start" | "line-end" | "word-edge" | "no-word-edge";

/**
 * An expression without what only matters for where a match is: captures and laziness. `copies` is how often the innermost
 * part of nested counted repetitions stands in what they abbreviate.
 */
export type Node =
  | { type: "empty" }
  | { type: "char"; test: CharTest }
  | { type: "assert"; what: Assertion }
  | { type: "concat" | "alternate"; parts: Node[]; copies: number }
  | ({ type: "repeat"; part: Node; copies: number } & Bounds);

/** `max` is undefined for "any number". */
export interface Bounds {
  min: number;
  max: number | undefined;
}
