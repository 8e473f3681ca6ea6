import { FunctionError } from "./errors.ts";
import { Complex, floatOf } from "./numbers.ts";
import { sprint, sprintf, sprintln } from "./printf.ts";
import { compareStrings, formatValue, isCallable, isList, isMap, isTrue, NIL, Struct, typeName } from "./values.ts";

export type ParameterType = "any" | "string" | "int" | "strings";

/** A function that templates can call. */
export interface TemplateFunction {
  parameters: readonly ParameterType[];
  /** The last parameter may come any number of times, from none on. */
  variadic?: boolean;
  /** Arguments are checked against `parameters` before the call. @throws FunctionError */
  call: (...args: never[]) => unknown;
}

export type FunctionTable = Readonly<Record<string, TemplateFunction>>;

/** Go's own functions; `and` and `or` are the evaluator's, because they stop early. */
const builtins: FunctionTable = {
  not: { parameters: ["any"], call: (value: unknown) => !isTrue(value) },
  len: { parameters: ["any"], call: length },
  index: { parameters: ["any", "any"], variadic: true, call: index },
  slice: { parameters: ["any", "any"], variadic: true, call: slice },
  call: { parameters: ["any", "any"], variadic: true, call: callValue },
  print: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => sprint(args) },
  printf: {
    parameters: ["string", "any"],
    variadic: true,
    call: (format: string, ...args: unknown[]) => sprintf(format, args),
  },
  println: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => sprintln(args) },
  html: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => escapeHtml(printable(args)) },
  js: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => escapeJs(printable(args)) },
  urlquery: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => escapeQuery(printable(args)) },
  eq: { parameters: ["any", "any"], variadic: true, call: equalsAny },
  ne: { parameters: ["any", "any"], call: (left: unknown, right: unknown) => !equals(left, right) },
  lt: { parameters: ["any", "any"], call: (left: unknown, right: unknown) => compare(left, right) < 0 },
  le: { parameters: ["any", "any"], call: (left: unknown, right: unknown) => compare(left, right) <= 0 },
  gt: { parameters: ["any", "any"], call: (left: unknown, right: unknown) => compare(left, right) > 0 },
  ge: { parameters: ["any", "any"], call: (left: unknown, right: unknown) => compare(left, right) >= 0 },
};

/** Go's functions and the ones that Docker adds to them. */
export const dockerFunctions: FunctionTable = {
  ...builtins,
  json: { parameters: ["any"], call: (value: unknown) => toJson(value) },
  split: { parameters: ["string", "string"], call: split },
  join: { parameters: ["strings", "string"], call: (list: string[], separator: string) => list.join(separator) },
  title: {
    parameters: ["string"],
    call: (text: string) => text.replace(/(^|[^\p{L}\p{N}_])(\p{L})/gu, (all) => all.toUpperCase()),
  },
  lower: { parameters: ["string"], call: (text: string) => text.toLowerCase() },
  upper: { parameters: ["string"], call: (text: string) => text.toUpperCase() },
  pad: { parameters: ["string", "int", "int"], call: padText },
  truncate: {
    parameters: ["string", "int"],
    call: (text: string, limit: number) => (Buffer.byteLength(text) < limit ? text : cutBytes(text, limit)),
  },
};

/** JSON as Go writes it with HTML escaping off. */
export function toJson(value: unknown): string {
  if (value instanceof Complex) throw new FunctionError("json: unsupported type: complex128");
  const json = JSON.stringify(value ?? null, (_key, each: unknown) => (typeof each === "bigint" ? Number(each) : each));
  const first = isList(value) ? value[0] : value;
  return (
    first instanceof Struct && first.escapes
      ? json.replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`)
      : json
  )
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** The text that the escaping functions escape. */
function printable(args: readonly unknown[]): string {
  return sprint(args.map((each) => (each === null || each === undefined ? "<no value>" : each)));
}

/** The longest padding that a template may ask for. */
const MAX_PAD = 10_000;

function padText(text: string, before: number, after: number): string {
  if (text === "") return text;
  if (before > MAX_PAD || after > MAX_PAD) throw new FunctionError("padding is too wide");
  if (before < 0 || after < 0) throw new FunctionError("strings: negative Repeat count");
  return " ".repeat(before) + text + " ".repeat(after);
}

function cutBytes(text: string, limit: number): string {
  if (limit < 0) throw new FunctionError(`runtime error: slice bounds out of range [:${limit}]`);
  return Buffer.from(text).subarray(0, limit).toString();
}

/** strings.Split: an empty separator splits into characters. */
function split(text: string, separator: string): string[] {
  return separator === "" ? Array.from(text) : text.split(separator);
}

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (isList(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  if (value === NIL) throw new FunctionError("len of nil pointer");
  if (value === null || value === undefined) {
    throw new FunctionError("reflect: call of reflect.Value.Type on zero Value");
  }
  throw new FunctionError(`len of type ${typeName(value)}`);
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let item = value;
  if (item === undefined || (item === null && keys.length === 0)) throw new FunctionError("index of untyped nil");
  for (const key of keys) {
    // A nil map or list of JSON: Go's typed nil map gives the zero value
    if (item === null || item === undefined) {
      if (typeof key === "string") item = "";
      else throw new FunctionError("index of untyped nil");
    } else if (isMap(item)) {
      if (key === null || key === undefined) throw new FunctionError("value is nil; should be of type string");
      if (typeof key !== "string") throw new FunctionError(`value has type ${typeName(key)}; should be string`);
      item = Object.hasOwn(item, key) ? item[key] : zeroOf(item);
    } else if (isList(item) || typeof item === "string") {
      const size = typeof item === "string" ? Buffer.byteLength(item) : item.length;
      const at = position(key, size);
      if (at === size) {
        throw new FunctionError(`reflect: ${typeof item === "string" ? "string" : "slice"} index out of range`);
      }
      item = typeof item === "string" ? Buffer.from(item)[at] : item[at];
    } else {
      throw new FunctionError(`can't index item of type ${typeName(item)}`);
    }
  }
  return item;
}

/** What a Go map of the same content gives for a key that is not there: a map of strings gives "". */
function zeroOf(map: Readonly<Record<string, unknown>>): unknown {
  return Object.values(map).every((each) => typeof each === "string") ? "" : undefined;
}

function position(key: unknown, size: number): number {
  if (key === null || key === undefined) throw new FunctionError(`cannot index slice/array with nil`);
  if (typeof key !== "number" || !Number.isInteger(key)) {
    throw new FunctionError(`cannot index slice/array with type ${typeName(key)}`);
  }
  if (key < 0 || key > size) throw new FunctionError(`index out of range: ${key}`);
  return key;
}

function slice(value: unknown, ...keys: unknown[]): unknown {
  if (value === undefined || value === null) throw new FunctionError("slice of untyped nil");
  if (keys.length > 3) throw new FunctionError(`too many slice indexes: ${keys.length}`);
  if (typeof value !== "string" && !isList(value))
    throw new FunctionError(`can't slice item of type ${typeName(value)}`);
  if (typeof value === "string" && keys.length === 3) throw new FunctionError("cannot 3-index slice a string");
  const bytes = typeof value === "string" ? Buffer.from(value) : undefined;
  const size = bytes?.length ?? value.length;
  const [from = 0, to = size, end = size] = keys.map((key) => position(key, size));
  if (from > to) throw new FunctionError(`invalid slice index: ${from} > ${to}`);
  if (to > end) throw new FunctionError(`invalid slice index: ${to} > ${end}`);
  return bytes === undefined ? value.slice(from, to) : bytes.subarray(from, to).toString();
}

function callValue(callee: unknown, ...args: unknown[]): unknown {
  if (callee === null || callee === undefined) throw new FunctionError("call of nil");
  if (!isCallable(callee)) throw new FunctionError(`non-function ${formatValue(callee)} of type ${typeName(callee)}`);
  return callee(...args);
}

function equalsAny(first: unknown, ...others: unknown[]): boolean {
  if (others.length === 0) throw new FunctionError("missing argument for comparison");
  return others.some((other) => equals(first, other));
}

function equals(left: unknown, right: unknown): boolean {
  const kind = basicKind(left);
  const other = basicKind(right);
  if (kind === "nil" || other === "nil") return kind === other;
  if (kind !== other) throw new FunctionError("incompatible types for comparison");
  if (kind === "other") throw new FunctionError(`non-comparable type ${formatValue(left)}: ${typeName(left)}`);
  if (left instanceof Complex && right instanceof Complex) {
    return left.real === right.real && left.imaginary === right.imaginary;
  }
  if (kind === "float") return floatOf(left) === floatOf(right);
  return left === right || (kind === "int" && Number(left) === Number(right));
}

function compare(left: unknown, right: unknown): number {
  const kind = basicKind(left);
  const other = basicKind(right);
  const isBasic = (each: Kind) => each !== "nil" && each !== "other";
  if (!isBasic(kind) || !isBasic(other)) throw new FunctionError("invalid type for comparison");
  if (kind !== other) throw new FunctionError("incompatible types for comparison");
  if (kind === "bool" || kind === "complex") throw new FunctionError("invalid type for comparison");
  if (typeof left === "string" && typeof right === "string") return compareStrings(left, right);
  return (floatOf(left) ?? Number(left)) - (floatOf(right) ?? Number(right));
}

type Kind = "nil" | "bool" | "string" | "int" | "float" | "complex" | "other";

function basicKind(value: unknown): Kind {
  if (value === undefined || value === null || value === NIL) return "nil";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (floatOf(value) !== undefined) return "float";
  if (typeof value === "number" || typeof value === "bigint") return "int";
  return value instanceof Complex ? "complex" : "other";
}

const HTML: Record<string, string> = {
  "\0": "\uFFFD",
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

function escapeHtml(text: string): string {
  return text.replace(/[\0"'&<>]/g, (char) => HTML[char] ?? char);
}

function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=]|(?! )[\p{C}\p{Z}]/gu, (char) => {
    if (char === "\\" || char === "'" || char === '"') return `\\${char}`;
    return `\\u${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
