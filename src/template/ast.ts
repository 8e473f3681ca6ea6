import type { Complex, Float } from "./numbers.ts";

/**
 * The tree of a parsed template; each node knows its offset for error texts. A number without a value is one that no int
 * holds, which fails when it is looked at.
 */

export type Expression =
  | { kind: "dot"; at: number }
  | { kind: "nil"; at: number }
  | { kind: "bool"; at: number; value: boolean }
  | { kind: "number"; at: number; value: number | bigint | Float | Complex | undefined; text: string }
  | { kind: "string"; at: number; value: string; text: string }
  | { kind: "field"; at: number; names: readonly string[] }
  | { kind: "variable"; at: number; name: string; names: readonly string[] }
  | { kind: "function"; at: number; name: string }
  | { kind: "chain"; at: number; of: Expression; names: readonly string[] }
  | { kind: "pipe"; at: number; pipe: Pipe };

export interface Command {
  at: number;
  words: readonly [Expression, ...Expression[]];
}

export interface Pipe {
  at: number;
  /** Variables that the pipeline sets, `$` included; empty for most. */
  variables: readonly string[];
  isAssignment: boolean;
  commands: readonly Command[];
}

export type Statement =
  | { kind: "text"; at: number; text: string }
  | { kind: "action"; at: number; pipe: Pipe }
  | { kind: "if" | "with" | "range"; at: number; pipe: Pipe; body: Statement[]; otherwise: Statement[] | undefined }
  | { kind: "template"; at: number; name: string; nameAt: number; pipe: Pipe | undefined }
  | { kind: "break" | "continue"; at: number };

export interface Template {
  name: string;
  source: string;
  body: Statement[];
  /** What `define` and `block` declared. */
  defined: Map<string, Statement[]>;
}

/** The text of an expression as Go's parse tree prints it, for error texts. */
export function printExpression(node: Expression): string {
  switch (node.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(node.value);
    case "number":
    case "string":
      return node.text;
    case "field":
      return node.names.map((name) => `.${name}`).join("");
    case "variable":
      return [node.name, ...node.names].join(".");
    case "function":
      return node.name;
    case "chain": {
      const inner = node.of.kind === "pipe" ? `(${printPipe(node.of.pipe)})` : printExpression(node.of);
      return inner + node.names.map((name) => `.${name}`).join("");
    }
    case "pipe":
      return printPipe(node.pipe);
  }
}

export function printCommand(command: Command): string {
  return command.words
    .map((word) => (word.kind === "pipe" ? `(${printPipe(word.pipe)})` : printExpression(word)))
    .join(" ");
}

export function printPipe(pipe: Pipe): string {
  const assigned = pipe.variables.length > 0 ? `${pipe.variables.join(", ")} ${pipe.isAssignment ? "=" : ":="} ` : "";
  return assigned + pipe.commands.map(printCommand).join(" | ");
}
