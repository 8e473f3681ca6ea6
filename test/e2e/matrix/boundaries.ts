/** The least and the greatest of a type of integers that a double holds exactly, and what is just beyond. */
const BOUNDS: Readonly<Record<string, readonly number[]>> = {
  int64: [0, -1, 9223372036854774784, 9223372036854775808, -9223372036854775808, -9223372036854777856],
  uint64: [0, -1, 18446744073709549568, 18446744073709551616],
  uint32: [0, -1, 4294967295, 4294967296],
  uint16: [0, -1, 65535, 65536],
};

/**
 * Values at the bounds of a member's declared type: what is empty, greatest, and just beyond.
 * @param type in Go's notation, as in the tables of bodies.
 */
export function boundaryValues(type: string): readonly unknown[] {
  if (type === "string") return ["", "\u0000", "a\nb", "x".repeat(5000)];
  if (type === "bool") return [true, false];
  if (type === "strslice") return [[], "", ["x".repeat(5000)]];
  if (type === "[]string") return [[], [""], [null], ["x".repeat(5000)]];
  // Docker never answers again for a container one of whose limits is null, so that lists of shapes stay without.
  if (type.startsWith("[]")) return [[]];
  if (type.startsWith("map[string]")) return [{}, { "": null }];
  return BOUNDS[type] ?? [{}];
}
