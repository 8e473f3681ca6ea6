const GREATEST = "9223372036854775807";
const BEYOND = "9223372036854775808";
const INTEGERS = { bounds: ["0", "-1", GREATEST], wrong: ["x", "1.5", "", BEYOND] };

/** Of each type of the reference but text: values at its bounds, and values that are not of it. */
const KINDS: Readonly<Record<string, { bounds: readonly string[]; wrong: readonly string[] }>> = {
  bool: { bounds: ["true", "false"], wrong: ["maybe", ""] },
  int: INTEGERS,
  int64: INTEGERS,
  uint16: { bounds: ["0", "65535"], wrong: ["x", "", "-1", "65536"] },
  uint64: { bounds: ["0", "18446744073709551615"], wrong: ["x", "", "-1", "18446744073709551616"] },
  bytes: { bounds: ["0", "1", GREATEST], wrong: ["x", "", "1x"] },
  decimal: { bounds: ["0", "0.000000001", "0.0000000001"], wrong: ["x", "", "1/0"] },
  duration: { bounds: ["0s", "1ns", "2562047h47m16.854775807s"], wrong: ["x", "", "5", "2562047h47m16.854775808s"] },
  ip: { bounds: ["0.0.0.0", "ff02::1"], wrong: ["x", "1.2.3"] },
};

/** Values at the bounds of a type; of texts and lists, the empty one. */
export function boundsOf(type: string): readonly string[] {
  return KINDS[type]?.bounds ?? [""];
}

/** Values that are not of a type. Every text is one, so that of texts and lists there are none. */
export function wrongOf(type: string): readonly string[] {
  return KINDS[type]?.wrong ?? [];
}
