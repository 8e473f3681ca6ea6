/** Classic BPF as seccomp runs it (linux/filter.h, linux/bpf_common.h): the few instructions that a filter needs. */
export interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

export const BPF = {
  loadWord: 0x20, // LD | W | ABS
  and: 0x54, // ALU | AND | K
  jump: 0x05, // JMP | JA
  jumpEqual: 0x15,
  jumpGreater: 0x25,
  jumpGreaterOrEqual: 0x35,
  return: 0x06, // RET | K
} as const;

/** Offsets in `struct seccomp_data`. */
export const SECCOMP_DATA = {
  number: 0,
  architecture: 4,
  argumentLow: (index: number) => 16 + 8 * index,
  argumentHigh: (index: number) => 20 + 8 * index,
} as const;

/** The kernel takes no longer program (BPF_MAXINSNS). */
export const MAX_INSTRUCTIONS = 4096;

export const load = (offset: number): Instruction => ({ code: BPF.loadWord, jt: 0, jf: 0, k: offset });
export const and = (mask: number): Instruction => ({ code: BPF.and, jt: 0, jf: 0, k: mask });
export const ret = (value: number): Instruction => ({ code: BPF.return, jt: 0, jf: 0, k: value });

/** A conditional jump; offsets count from the next instruction. */
export const test = (code: number, k: number, jt: number, jf: number): Instruction => ({ code, jt, jf, k });

/** `if (A code k) yes else no`, both of which end in a return. Conditional jumps reach 255, unconditional ones any distance. */
export function branch(code: number, k: number, yes: Instruction[], no: Instruction[]): Instruction[] {
  if (yes.length <= 255) return [test(code, k, 0, yes.length), ...yes, ...no];
  return [test(code, k, 1, 0), { code: BPF.jump, jt: 0, jf: 0, k: yes.length }, ...yes, ...no];
}

/** `struct sock_filter[]` in little-endian order (x86-64 and arm64). */
export function encode(program: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  return bytes;
}
