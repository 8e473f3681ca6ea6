import type { Assertion, CharTest, Node } from "./ast.ts";
import { RegexError } from "./errors.ts";

/** Addresses are places in the list of instructions. */
export type Instruction =
  | { op: "char"; test: CharTest; next: number }
  | { op: "assert"; what: Assertion; next: number }
  | { op: "fork"; next: number; other: number }
  | { op: "match" };

/** An automaton whose states are its instructions. */
export interface Program {
  code: readonly Instruction[];
  start: number;
}

const MAX_INSTRUCTIONS = 10_000;

/** Writes an expression out as a program: counted repetitions become copies. @throws RegexError when it is too large. */
export function compileProgram(node: Node, expression: string): Program {
  const code: Instruction[] = [{ op: "match" }];
  const start = emit(node, 0);
  return { code, start };

  function add(instruction: Instruction): number {
    if (code.length >= MAX_INSTRUCTIONS) throw new RegexError("expression too large", expression);
    return code.push(instruction) - 1;
  }

  /** Writes what takes the node and goes on at `next`, from behind. @returns where it starts. */
  function emit(part: Node, next: number): number {
    switch (part.type) {
      case "empty":
        return next;
      case "char":
        return add({ op: "char", test: part.test, next });
      case "assert":
        return add({ op: "assert", what: part.what, next });
      case "concat":
        return part.parts.reduceRight((after, one) => emit(one, after), next);
      case "alternate":
        return part.parts
          .map((one) => emit(one, next))
          .reduceRight((other, one) => add({ op: "fork", next: one, other }));
      case "repeat":
        return emitRepeat(part.part, part.min, part.max, next);
    }
  }

  function emitRepeat(part: Node, min: number, max: number | undefined, next: number): number {
    let at = next;
    if (max === undefined) {
      const loop = { op: "fork" as const, next: 0, other: next };
      at = add(loop);
      loop.next = emit(part, at);
    }
    for (let count = min; count < (max ?? min); count++) at = add({ op: "fork", next: emit(part, at), other: next });
    for (let count = 0; count < min; count++) at = emit(part, at);
    return at;
  }
}
