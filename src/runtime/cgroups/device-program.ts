import type { DeviceRule } from "../../spec/index.ts";

/**
 * cgroup v2 has no device files: an eBPF program of type BPF_PROG_TYPE_CGROUP_DEVICE answers instead. This compiles the
 * rules to one (kernel: struct bpf_cgroup_dev_ctx, instruction set v1). The last rule that speaks of an access decides;
 * what no rule speaks of is refused.
 * @returns struct bpf_insn[] in little-endian order.
 */
export function compileDeviceProgram(rules: readonly DeviceRule[]): Uint8Array {
  const program = [
    instruction(OP.loadWord, R.type, R.context, 0, 0), // access << 16 | type
    instruction(OP.move, R.access, R.type),
    instruction(OP.andImmediate, R.type, 0, 0, 0xffff),
    instruction(OP.shiftRightImmediate, R.access, 0, 0, 16),
    instruction(OP.loadWord, R.major, R.context, 4),
    instruction(OP.loadWord, R.minor, R.context, 8),
    ...decisions(mergeAllowed(rules)).flatMap(compileRule),
  ];
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  return bytes;
}

const OP = {
  loadWord: 0x61,
  move: 0xbc,
  moveImmediate: 0xb7,
  andImmediate: 0x54,
  shiftRightImmediate: 0x74,
  jumpEqualImmediate: 0x15,
  jumpNotEqualImmediate: 0x55,
  exit: 0x95,
} as const;

const R = { result: 0, context: 1, type: 2, access: 3, major: 4, minor: 5, scratch: 6 } as const;

const TYPES = { b: 1, c: 2, a: undefined } as const;
const ACCESS: Readonly<Record<string, number>> = { m: 1, r: 2, w: 4 };
const EVERY_ACCESS = 7;

/** opcode, registers, offset, immediate: struct bpf_insn as one little-endian word. */
function instruction(opcode: number, target: number, source = 0, offset = 0, immediate = 0): bigint {
  const low = opcode | (target << 8) | (source << 12) | ((offset & 0xffff) << 16);
  return BigInt(low >>> 0) | (BigInt(immediate >>> 0) << 32n);
}

const answer = (allow: boolean) => [
  instruction(OP.moveImmediate, R.result, 0, 0, allow ? 1 : 0),
  instruction(OP.exit, 0),
];

/** From the last rule to one for everything, and nothing behind that: the kernel refuses code that is never reached. */
function decisions(rules: DeviceRule[]): DeviceRule[] {
  const latestFirst = rules.toReversed();
  const final = latestFirst.findIndex(({ type = "a" }) => type === "a");
  if (final < 0) return [...latestFirst, { allow: false, access: "rwm" }];
  return latestFirst.slice(0, final + 1);
}

/** Tests one after another, each of which skips to the next rule; then the answer. */
function compileRule(rule: DeviceRule): bigint[] {
  const { type = "a", major = -1, minor = -1, allow } = rule;
  let code = answer(allow);
  const unless = (opcode: number, register: number, value: number) => {
    code = [instruction(opcode, register, 0, code.length, value), ...code];
  };
  if (minor >= 0 && type !== "a") unless(OP.jumpNotEqualImmediate, R.minor, minor);
  if (major >= 0 && type !== "a") unless(OP.jumpNotEqualImmediate, R.major, major);
  const access = type === "a" ? EVERY_ACCESS : accessBits(rule.access);
  if (access !== EVERY_ACCESS) {
    // Allowed: nothing beyond the rule was asked for. Refused: anything of the rule was.
    const mask = allow ? ~access & EVERY_ACCESS : access;
    unless(allow ? OP.jumpNotEqualImmediate : OP.jumpEqualImmediate, R.scratch, 0);
    code = [instruction(OP.move, R.scratch, R.access), instruction(OP.andImmediate, R.scratch, 0, 0, mask), ...code];
  }
  const wanted = TYPES[type];
  if (wanted !== undefined) unless(OP.jumpNotEqualImmediate, R.type, wanted);
  return code;
}

function accessBits(access: string): number {
  return access.split("").reduce((bits, letter) => bits | (ACCESS[letter] ?? 0), 0);
}

/** As in v1, `c 1:3 r` and `c 1:3 w` together allow both at once. A rule for everything starts anew. */
function mergeAllowed(rules: readonly DeviceRule[]): DeviceRule[] {
  const merged: DeviceRule[] = [];
  for (const rule of rules) {
    if ((rule.type ?? "a") === "a") merged.length = 0;
    const same = merged.find(
      (known) =>
        known.allow &&
        rule.allow &&
        known.type === rule.type &&
        known.major === rule.major &&
        known.minor === rule.minor,
    );
    if (same === undefined) merged.push({ ...rule });
    else same.access += rule.access;
  }
  return merged;
}
