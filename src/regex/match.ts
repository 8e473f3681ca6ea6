import type { Assertion } from "./ast.ts";
import type { Program } from "./program.ts";

const NEWLINE = 0x0a;

/**
 * Whether the text has a match anywhere. All states are followed side by side, each once for a character, so the time grows
 * with the text's length and not faster.
 * @param spend is told of every few steps, and throws to end it.
 */
export function matches({ code, start }: Program, text: string, spend: (steps: number) => void): boolean {
  const chars = Array.from(text, (char) => char.codePointAt(0) ?? 0);
  /** When a state was reached last: the place in the text. */
  const reached = new Int32Array(code.length).fill(-1);
  let states: number[] = [];
  for (let at = 0; at <= chars.length; at++) {
    states.push(start);
    const waiting: number[] = [];
    let steps = 0;
    for (let state = states.pop(); state !== undefined; state = states.pop()) {
      steps += 1;
      if (reached[state] === at) continue;
      reached[state] = at;
      const instruction = code[state];
      if (instruction === undefined) continue;
      if (instruction.op === "match") return true;
      if (instruction.op === "char") waiting.push(state);
      else if (instruction.op === "fork") states.push(instruction.other, instruction.next);
      else if (holds(instruction.what, chars, at)) states.push(instruction.next);
    }
    spend(steps);
    const char = chars[at];
    if (char === undefined) return false;
    states = [];
    for (const state of waiting) {
      const instruction = code[state];
      if (instruction?.op === "char" && instruction.test(char)) states.push(instruction.next);
    }
  }
  return false;
}

function holds(what: Assertion, chars: readonly number[], at: number): boolean {
  switch (what) {
    case "text-start":
      return at === 0;
    case "text-end":
      return at === chars.length;
    case "line-start":
      return at === 0 || chars[at - 1] === NEWLINE;
    case "line-end":
      return at === chars.length || chars[at] === NEWLINE;
    case "word-edge":
      return isWord(chars[at - 1]) !== isWord(chars[at]);
    case "no-word-edge":
      return isWord(chars[at - 1]) === isWord(chars[at]);
  }
}

/** ASCII only, as in Go. */
function isWord(char: number | undefined): boolean {
  return char !== undefined && char < 128 && /\w/.test(String.fromCharCode(char));
}
