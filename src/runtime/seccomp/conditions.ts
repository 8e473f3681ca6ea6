import { invalid } from "../../base/index.ts";
import type { SeccompRule } from "../../spec/index.ts";
import { and, BPF, load, SECCOMP_DATA, test, type Instruction } from "./bpf.ts";

export type Condition = NonNullable<SeccompRule["args"]>[number];

const { jumpEqual, jumpGreater, jumpGreaterOrEqual } = BPF;

/**
 * Instructions that go on to `rest` when all conditions hold and jump just behind it when one does not.
 * @param rest ends in a return.
 */
export function whenAll(conditions: readonly Condition[], wordSize: 32 | 64, rest: Instruction[]): Instruction[] {
  return conditions.reduceRight((tail, condition) => [...guard(condition, wordSize, tail.length), ...tail], rest);
}

/** One condition: falls through when it holds, else skips the `skip` instructions that follow. */
function guard(condition: Condition, wordSize: 32 | 64, skip: number): Instruction[] {
  const { index, op } = condition;
  if (!Number.isInteger(index) || index < 0 || index > 5) {
    throw invalid(`seccomp: syscalls have only 6 arguments, got argument index ${index}`);
  }
  const masked = op === "SCMP_CMP_MASKED_EQ";
  const mask = masked ? toWords(condition.value) : ALL_BITS;
  const datum = toWords(masked ? (condition.valueTwo ?? 0) : condition.value);
  const low = load(SECCOMP_DATA.argumentLow(index));
  if (masked) {
    const lowPart = [low, and(mask.low), test(jumpEqual, (datum.low & mask.low) >>> 0, 0, skip)];
    if (wordSize === 32 || mask.high === 0) return lowPart;
    const highEqual = test(jumpEqual, (datum.high & mask.high) >>> 0, 0, lowPart.length + skip);
    return [load(SECCOMP_DATA.argumentHigh(index)), and(mask.high), highEqual, ...lowPart];
  }
  const lowPart = [low, compareLow(op, datum.low, skip)];
  if (wordSize === 32) return lowPart;
  return [load(SECCOMP_DATA.argumentHigh(index)), ...compareHigh(op, datum.high, skip), ...lowPart];
}

function compareLow(op: string, value: number, skip: number): Instruction {
  switch (op) {
    case "SCMP_CMP_EQ":
      return test(jumpEqual, value, 0, skip);
    case "SCMP_CMP_NE":
      return test(jumpEqual, value, skip, 0);
    case "SCMP_CMP_GT":
      return test(jumpGreater, value, 0, skip);
    case "SCMP_CMP_GE":
      return test(jumpGreaterOrEqual, value, 0, skip);
    case "SCMP_CMP_LT":
      return test(jumpGreaterOrEqual, value, skip, 0);
    case "SCMP_CMP_LE":
      return test(jumpGreater, value, skip, 0);
    default:
      throw invalid(`string ${op} is not a valid operator for seccomp`);
  }
}

/** Decides by the high word; falls through to the two instructions of the low word only when both high words are equal. */
function compareHigh(op: string, value: number, skip: number): Instruction[] {
  const holds = 2;
  const fails = 2 + skip;
  switch (op) {
    case "SCMP_CMP_EQ":
      return [test(jumpEqual, value, 0, fails)];
    case "SCMP_CMP_NE":
      return [test(jumpEqual, value, 0, holds)];
    case "SCMP_CMP_GT":
    case "SCMP_CMP_GE":
      return [test(jumpGreater, value, holds + 1, 0), test(jumpEqual, value, 0, fails)];
    default:
      return [test(jumpGreater, value, fails + 1, 0), test(jumpEqual, value, 0, holds)];
  }
}

const ALL_BITS = { low: 0xffffffff, high: 0xffffffff };

/** A 64-bit value as two words. JSON gives a float: what is past 2^64 - 1 was rounded up from it. */
function toWords(value: number): { low: number; high: number } {
  if (value >= 2 ** 64) return ALL_BITS;
  const bits = BigInt.asUintN(64, BigInt(Math.trunc(value)));
  return { low: Number(bits & 0xffffffffn), high: Number(bits >> 32n) };
}
