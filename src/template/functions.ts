import { FunctionError } from "./errors.ts";
import { sprint, sprintf, sprintln } from "./printf.ts";
import { compareStrings, formatValue, isCallable, isList, isMap, isTrue, NIL, typeName } from "./values.ts";

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
  html: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => escapeHtml(sprint(args)) },
  js: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => escapeJs(sprint(args)) },
  urlquery: { parameters: ["any"], variadic: true, call: (...args: unknown[]) => escapeQuery(sprint(args)) },
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
  return JSON.stringify(value ?? null, (_key, each: unknown) => (typeof each === "bigint" ? Number(each) : each))
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
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
  if (value === null || value === undefined) throw new FunctionError("len of nil pointer");
  throw new FunctionError(`len of type ${typeName(value)}`);
}

function index(value: unknown, ...keys: unknown[]): unknown {
  let item = value;
  if (item === undefined) throw new FunctionError("index of untyped nil");
  for (const key of keys) {
    // A nil map or list of JSON: Go's typed nil map gives the zero value
    if (item === null || item === undefined) {
      if (typeof key === "string") item = "";
      else throw new FunctionError("index of untyped nil");
    } else if (isMap(item)) {
      if (typeof key !== "string") throw new FunctionError(`value has type ${typeName(key)}; should be string`);
      item = Object.hasOwn(item, key) ? item[key] : zeroOf(item);
    } else if (isList(item) || typeof item === "string") {
      const at = position(key, typeof item === "string" ? Buffer.byteLength(item) : item.length, "index", false);
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

function position(key: unknown, size: number, what: string, inclusive: boolean): number {
  if (key === null || key === undefined) throw new FunctionError(`cannot index slice/array with nil`);
  if (typeof key !== "number" || !Number.isInteger(key)) {
    throw new FunctionError(`cannot index slice/array with type ${typeName(key)}`);
  }
  if (key < 0 || key > size || (!inclusive && key === size)) throw new FunctionError(`${what} out of range: ${key}`);
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
  const [from = 0, to = size] = keys.map((key) => position(key, size, "index", true));
  if (from > to) throw new FunctionError(`invalid slice index: ${from} > ${to}`);
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
  const leftKind = basicKind(left);
  const rightKind = basicKind(right);
  if (leftKind === "nil" || rightKind === "nil") return leftKind === rightKind;
  if (leftKind === "other" || rightKind === "other") {
    throw new FunctionError(
      `non-comparable type ${formatValue(left)}: ${typeName(leftKind === "other" ? left : right)}`,
    );
  }
  if (leftKind !== rightKind) throw new FunctionError("incompatible types for comparison");
  return left === right || (leftKind === "int" && Number(left) === Number(right));
}

function compare(left: unknown, right: unknown): number {
  const kind = basicKind(left);
  if (kind === "nil" || kind === "other" || kind === "bool") throw new FunctionError("invalid type for comparison");
  if (kind !== basicKind(right)) throw new FunctionError("incompatible types for comparison");
  if (typeof left === "string" && typeof right === "string") return compareStrings(left, right);
  return Number(left) - Number(right);
}

function basicKind(value: unknown): "nil" | "bool" | "string" | "int" | "float" | "other" {
  if (value === undefined || value === null || value === NIL) return "nil";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (typeof value === "bigint") return "int";
  // JSON numbers carry no type: an integral one compares with both
  if (typeof value === "number") return "int";
  return "other";
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
  return text.replace(/[\\'"<>&=\u0000-\u001f]/g, (char) => {
    if (char === "\\" || char === "'" || char === '"') return `\\${char}`;
    return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
}

function escapeQuery(text: string): string {
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
