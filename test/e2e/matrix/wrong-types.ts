/**
 * Values that are not of a member's declared type.
 * @param type in Go's notation, as in the tables of bodies.
 */
export function wrongValues(type: string): unknown[] {
  if (type === "strslice") return [5, {}, [5]];
  if (type.startsWith("[][]")) return ["x", {}, ["x"], [[5]]];
  if (type.startsWith("[]"))
    return [
      "x",
      5,
      {},
      ...wrongValues(type.slice(2))
        .slice(0, 1)
        .map((item) => [item]),
    ];
  if (type.startsWith("map[string]")) {
    return [
      "x",
      [],
      ...wrongValues(type.slice("map[string]".length))
        .slice(0, 1)
        .map((item) => ({ a: item })),
    ];
  }
  switch (type) {
    case "string":
      return [5, true, [], {}];
    case "bool":
      return ["true", 1, []];
    case "int64":
    case "uint64":
    case "uint32":
    case "uint16":
      return ["5", true, 1.5, 1e30, []];
    case "float64":
      return ["5", true];
    default:
      return ["x", 5, []];
  }
}
