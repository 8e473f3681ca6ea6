import { invalid } from "../../base/index.ts";
import type { SeccompSpec } from "../../spec/index.ts";
import { actionReturn, ENOSYS, errnoReturn, filterFlags, letsThrough, RETURN } from "./actions.ts";
import { selectArchitectures, X32_BIT, type Architecture, type Machine } from "./architectures.ts";
import { BPF, branch, encode, load, MAX_INSTRUCTIONS, ret, SECCOMP_DATA, type Instruction } from "./bpf.ts";
import { whenAll } from "./conditions.ts";
import { plain, verdictsOf, type Verdict } from "./verdicts.ts";

export interface SeccompProgram {
  /** `struct sock_filter[]` */
  program: Uint8Array;
  /** For seccomp(2). */
  flags: number;
}

/** Numbers from `from` up to the next range's start. */
interface Range {
  from: number;
  verdict: Verdict;
}

/**
 * Compiles a profile to a classic BPF program with libseccomp's and runc's verdicts: calls that the profile does not
 * know yet give ENOSYS, so that libraries fall back; foreign ABIs kill.
 *
 * The numbers of each ABI are cut into ranges of equal verdict and searched by halves.
 * @throws invalid for unknown actions, operators, architectures, flags, and for a program that is too long.
 */
export function compileSeccomp(spec: SeccompSpec, machine: Machine): SeccompProgram {
  const architectures = selectArchitectures(spec.architectures ?? [], machine);
  const sections = Map.groupBy(architectures, ({ audit }) => audit);
  let program: Instruction[] = [ret(RETURN.killThread)];
  for (const [audit, members] of [...sections].reverse()) {
    const section = [load(SECCOMP_DATA.number), ...search(rangesOf(spec, members))];
    program = branch(BPF.jumpEqual, audit, section, program);
  }
  program = [load(SECCOMP_DATA.architecture), ...program];
  if (program.length > MAX_INSTRUCTIONS) {
    throw invalid(`seccomp profile is too large: ${program.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`);
  }
  return { program: encode(program), flags: filterFlags(spec.flags ?? ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]) };
}

function rangesOf(spec: SeccompSpec, members: Architecture[]): Range[] {
  const ranges = members
    .sort((left, right) => left.offset - right.offset)
    .flatMap((architecture) => rangesOfAbi(spec, architecture));
  const [first] = members;
  if (first?.column === "x86_64" && members.length === 1) {
    // Without x32 its calls are a foreign ABI; -1 is what a tracer leaves to skip a call.
    ranges.push({ from: X32_BIT, verdict: plain(RETURN.killThread) });
    ranges.push({ from: 0xffffffff, verdict: plain(actionReturn(spec.defaultAction, spec.defaultErrnoRet)) });
  }
  return merge(ranges);
}

function rangesOfAbi(spec: SeccompSpec, architecture: Architecture): Range[] {
  const defaultValue = actionReturn(spec.defaultAction, spec.defaultErrnoRet);
  const { verdicts, last } = verdictsOf(spec, architecture, defaultValue);
  const ranges: Range[] = [{ from: architecture.offset, verdict: plain(defaultValue) }];
  for (const [number, verdict] of [...verdicts].sort(([left], [right]) => left - right)) {
    ranges.push({ from: number, verdict }, { from: number + 1, verdict: plain(defaultValue) });
  }
  if (last !== undefined && !letsThrough(spec.defaultAction)) {
    ranges.push({ from: last + 1, verdict: plain(errnoReturn(ENOSYS)) });
  }
  return ranges;
}

/** Sorted by start; of ranges that start together the last stands, and equal neighbours become one. */
function merge(ranges: Range[]): Range[] {
  const merged: Range[] = [];
  for (const [index, range] of ranges.entries()) {
    if (ranges[index + 1]?.from === range.from) continue;
    const before = merged.at(-1)?.verdict;
    if (before !== undefined && isPlainEqual(before, range.verdict)) continue;
    merged.push(range);
  }
  return merged;
}

function isPlainEqual(left: Verdict, right: Verdict): boolean {
  return left.conditional.length === 0 && right.conditional.length === 0 && left.otherwise === right.otherwise;
}

/** Halves the ranges until one is left. */
function search(ranges: Range[]): Instruction[] {
  const middle = ranges[ranges.length >> 1];
  if (middle === undefined || ranges.length === 1) return middle === undefined ? [] : decide(middle.verdict);
  const at = ranges.length >> 1;
  return branch(BPF.jumpGreaterOrEqual, middle.from, search(ranges.slice(at)), search(ranges.slice(0, at)));
}

function decide(verdict: Verdict): Instruction[] {
  return verdict.conditional.reduceRight(
    (rest, { conditions, wordSize, value }) => [...whenAll(conditions, wordSize, [ret(value)]), ...rest],
    [ret(verdict.otherwise)],
  );
}
