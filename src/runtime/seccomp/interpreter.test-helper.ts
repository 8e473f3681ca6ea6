/** What a filter would see of one call. */
export interface SeccompData {
  number: number;
  architecture: number;
  args?: bigint[];
}

/** Runs a classic BPF program over a call as the kernel does: an accumulator, forward jumps, a return. */
export function runFilter(program: Uint8Array, { number, architecture, args = [] }: SeccompData): number {
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, number, true);
  data.setUint32(4, architecture, true);
  args.forEach((value, index) => data.setBigUint64(16 + 8 * index, BigInt.asUintN(64, value), true));
  const view = new DataView(program.buffer, program.byteOffset, program.byteLength);
  let accumulator = 0;
  for (let at = 0; at * 8 < program.byteLength; at++) {
    const code = view.getUint16(at * 8, true);
    const [jt, jf] = [view.getUint8(at * 8 + 2), view.getUint8(at * 8 + 3)];
    const k = view.getUint32(at * 8 + 4, true);
    const jump = (holds: boolean) => (at += holds ? jt : jf);
    if (code === 0x20) accumulator = data.getUint32(k, true);
    else if (code === 0x54) accumulator = (accumulator & k) >>> 0;
    else if (code === 0x05) at += k;
    else if (code === 0x15) jump(accumulator === k);
    else if (code === 0x25) jump(accumulator > k);
    else if (code === 0x35) jump(accumulator >= k);
    else if (code === 0x45) jump((accumulator & k) !== 0);
    else if (code === 0x06) return k;
    else throw new Error(`unknown instruction ${code} at ${at}`);
  }
  throw new Error("the program ran off its end");
}
