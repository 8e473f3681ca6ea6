import { Complex, Float, floatOf, formatFloat } from "./numbers.ts";

/**
 * How JavaScript values stand for Go's: undefined is "no value", null is nil, integral numbers and bigints are ints, others
 * and `Float` float64, `Complex` complex128, arrays slices, plain objects and Maps are maps, a `Struct` is a struct with methods.
 */

/** A value with named fields and methods; asking for another field is an error with the type's name in it. */
export class Struct {
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** In JSON, `<`, `>` and `&` are escaped: it writes itself, as Go does unless told otherwise. */
  readonly escapes: boolean;
  readonly #json: (() => unknown) | undefined;

  /** For a member that is a nil pointer. */
  static get nil(): NilPointer {
    return NIL;
  }

  /**
   * @param type the Go type's name, for error texts.
   * @param fields by name; a function is a method and is called when asked for.
   * @param json what the `json` function writes; the fields that are no methods by default.
   */
  constructor(type: string, fields: Readonly<Record<string, unknown>>, json?: () => unknown, escapes = false) {
    this.type = type;
    this.escapes = escapes;
    this.fields = fields;
    this.#json = json;
  }

  toJSON(): unknown {
    if (this.#json !== undefined) return this.#json();
    return Object.fromEntries(Object.entries(this.fields).filter(([, value]) => typeof value !== "function"));
  }
}

/** A pointer to nothing, of a type: unlike nil it is a value, which prints as `<nil>`. */
class NilPointer {
  toJSON(): null {
    return null;
  }
}
export const NIL = new NilPointer();

export type TextMethods = Readonly<Record<string, () => unknown>>;

/** A string of a type with methods: it is a string wherever it goes, and its methods are called when asked for. */
export class Text {
  readonly value: string;
  readonly methods: TextMethods;

  constructor(value: string, methods: TextMethods) {
    this.value = value;
    this.methods = methods;
  }

  toJSON(): string {
    return this.value;
  }
}

/** A list that was never made: empty, but null in JSON. */
export function nilList(): readonly unknown[] {
  return withoutJson([]);
}

/** A map that was never made: empty, but null in JSON. */
export function nilMap(): GoMap {
  return withoutJson({});
}

function withoutJson<T extends object>(value: T): T {
  return Object.defineProperty(value, "toJSON", { value: () => null });
}

export type GoMap = Readonly<Record<string, unknown>>;
export type Callable = (...args: unknown[]) => unknown;

export function isMap(value: unknown): value is GoMap {
  if (typeof value !== "object" || value === null || Array.isArray(value) || value === NIL) return false;
  return !(value instanceof Struct || value instanceof Text || value instanceof Float || value instanceof Complex);
}

export function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

export function isCallable(value: unknown): value is Callable {
  return typeof value === "function";
}

/** The keys of a map in the order that Go visits them. */
export function sortedKeys(map: GoMap): string[] {
  return Object.keys(map).sort(compareStrings);
}

/** Byte order of UTF-8, which is code point order; JavaScript's own order differs above U+FFFF. */
export function compareStrings(left: string, right: string): number {
  if (left === right) return 0;
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}

/** Truth as `if` sees it: false, 0, nil and whatever is empty are false. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null || value === NIL || value === false || value === "") return false;
  if (typeof value === "number" || typeof value === "bigint") return Number(value) !== 0;
  if (value instanceof Text) return value.value !== "";
  if (value instanceof Float) return value.value !== 0;
  if (value instanceof Complex) return value.real !== 0 || value.imaginary !== 0;
  if (isList(value)) return value.length > 0;
  if (isMap(value)) return Object.keys(value).length > 0;
  return true;
}

/** The Go type's name of a value, for error texts. */
export function typeName(value: unknown): string {
  if (value === undefined || value === null || value === NIL) return "<nil>";
  if (typeof value === "string" || value instanceof Text) return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  if (floatOf(value) !== undefined) return "float64";
  if (typeof value === "number") return "int";
  if (value instanceof Complex) return "complex128";
  if (value instanceof Struct) return value.type;
  if (isList(value))
    return value.length > 0 && value.every((each) => typeof each === "string") ? "[]string" : "[]interface {}";
  if (isCallable(value)) return "func()";
  return "map[string]interface {}";
}

/** A value as Go's `%v` prints it. `depth` bounds what a cyclic value can do. */
export function formatValue(value: unknown, depth = 0): string {
  if (value === undefined || value === null || value === NIL) return "<nil>";
  if (typeof value === "string") return value;
  if (value instanceof Text) return value.value;
  const float = floatOf(value);
  if (float !== undefined) return formatFloat(float);
  if (typeof value === "number") return BigInt(value).toString();
  if (value instanceof Complex) {
    const imaginary = formatFloat(value.imaginary);
    return `(${formatFloat(value.real)}${/^[+-]/.test(imaginary) ? "" : "+"}${imaginary}i)`;
  }
  if (depth > 50) return "...";
  if (isList(value)) return `[${value.map((each) => formatValue(each, depth + 1)).join(" ")}]`;
  if (value instanceof Struct) {
    const fields = Object.values(value.fields).filter((each) => !isCallable(each));
    return `{${fields.map((each) => formatValue(each, depth + 1)).join(" ")}}`;
  }
  if (isMap(value))
    return `map[${sortedKeys(value)
      .map((key) => `${key}:${formatValue(value[key], depth + 1)}`)
      .join(" ")}]`;
  // Functions have no value that could be shown
  return typeof value === "boolean" || typeof value === "bigint" ? String(value) : typeName(value);
}
