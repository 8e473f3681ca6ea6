import { quote } from "./literals.ts";
import { formatFloat, formatValue, isList, isMap, typeName } from "./values.ts";

/** Go refuses wider fields (fmt: tooLarge). */
const MAX_WIDTH = 1_000_000;
const VERB = /%([-+# 0]*)(\*|\d+)?(?:\.(\*|\d*))?(?:\[(\d+)\])?([\s\S]|$)/gu;

interface Directive {
  flags: string;
  width: number | undefined;
  precision: number | undefined;
  verb: string;
}

/** Go's fmt.Sprintf for the values that templates hold, its complaints included (`%!d(string=x)`). */
export function sprintf(format: string, args: readonly unknown[]): string {
  let used = 0;
  let reordered = false;
  const take = (): { value: unknown } | undefined => (used < args.length ? { value: args[used++] } : undefined);
  const text = format.replace(
    VERB,
    (
      _all,
      flags: string,
      width: string | undefined,
      precision: string | undefined,
      which: string | undefined,
      verb: string,
    ) => {
      let complaint = "";
      const size = (given: string | undefined, what: string): number | undefined => {
        if (given === undefined) return undefined;
        const taken = given === "*" ? take() : { value: given === "" ? 0 : Number(given) };
        if (taken !== undefined && typeof taken.value === "number" && Number.isInteger(taken.value)) {
          if (Math.abs(taken.value) <= MAX_WIDTH) return taken.value;
        }
        complaint += `%!(BAD${what})`;
        return undefined;
      };
      let widthValue = size(width, "WIDTH");
      const precisionValue = size(precision, "PREC");
      let allFlags = flags;
      if (widthValue !== undefined && widthValue < 0) {
        allFlags += "-";
        widthValue = -widthValue;
      }
      if (verb === "") return `${complaint}%!(NOVERB)`;
      if (verb === "%") return `${complaint}%`;
      if (which !== undefined) {
        reordered = true;
        const index = Number(which);
        if (index < 1 || index > args.length) return `${complaint}%!${verb}(BADINDEX)`;
        used = index - 1;
      }
      const taken = take();
      if (taken === undefined) return `${complaint}%!${verb}(MISSING)`;
      return (
        complaint + formatOne({ flags: allFlags, width: widthValue, precision: precisionValue, verb }, taken.value)
      );
    },
  );
  // Whoever names arguments by number need not use all
  if (reordered || used >= args.length) return text;
  const extra = args
    .slice(used)
    .map((value) => (value === null || value === undefined ? "<nil>" : `${typeName(value)}=${formatValue(value)}`));
  return `${text}%!(EXTRA ${extra.join(", ")})`;
}

/** Go's fmt.Sprint: operands side by side, a space between two when neither is a string. */
export function sprint(args: readonly unknown[]): string {
  let text = "";
  for (const [index, value] of args.entries()) {
    const before = args[index - 1];
    if (index > 0 && typeof value !== "string" && typeof before !== "string") text += " ";
    text += formatValue(value);
  }
  return text;
}

/** Go's fmt.Sprintln: always a space between operands, a newline at the end. */
export function sprintln(args: readonly unknown[]): string {
  return `${args.map((value) => formatValue(value)).join(" ")}\n`;
}

function formatOne(directive: Directive, value: unknown): string {
  if (directive.verb === "T") return pad(directive, typeName(value));
  if (value === undefined || value === null) {
    return directive.verb === "v" ? pad(directive, "<nil>") : `%!${directive.verb}(<nil>)`;
  }
  if (isList(value) && directive.verb !== "v") {
    return `[${value.map((each) => formatOne(directive, each)).join(" ")}]`;
  }
  if (isMap(value) && directive.verb !== "v") {
    const pairs = Object.keys(value)
      .sort()
      .map((key) => `${formatOne(directive, key)}:${formatOne(directive, value[key])}`);
    return `map[${pairs.join(" ")}]`;
  }
  const text = convert(directive, value);
  return text === undefined
    ? `%!${directive.verb}(${typeName(value)}=${formatValue(value)})`
    : pad(directive, text, isNumber(value));
}

/** The value under the verb, or undefined when the verb does not fit the value's type. */
function convert(directive: Directive, value: unknown): string | undefined {
  const { verb, flags, precision } = directive;
  if (verb === "v") {
    if (flags.includes("#")) return goSyntax(value);
    return isNumber(value) ? signed(flags, formatValue(value)) : formatValue(value);
  }
  if (typeof value === "string") return convertString(verb, flags, precision, value);
  if (typeof value === "boolean") return verb === "t" ? String(value) : undefined;
  if (typeof value === "bigint") return convertInteger(verb, flags, value);
  if (typeof value === "number") {
    if (Number.isInteger(value) && !"feEgG".includes(verb)) return convertInteger(verb, flags, BigInt(value));
    return Number.isInteger(value) ? undefined : convertFloat(verb, flags, precision, value);
  }
  return verb === "s" ? formatValue(value) : undefined;
}

function convertString(verb: string, flags: string, precision: number | undefined, value: string): string | undefined {
  const cut = precision === undefined ? value : Array.from(value).slice(0, precision).join("");
  if (verb === "s") return cut;
  if (verb === "q") return flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : quote(cut);
  if (verb !== "x" && verb !== "X") return undefined;
  const bytes = Buffer.from(value).toString("hex");
  const hex = flags.includes(" ") ? (bytes.match(/../g) ?? []).join(" ") : bytes;
  return verb === "X" ? hex.toUpperCase() : hex;
}

function convertInteger(verb: string, flags: string, value: bigint): string | undefined {
  const sharp = flags.includes("#");
  const based = (radix: number, prefix: string): string => {
    const digits = (value < 0n ? -value : value).toString(radix);
    return signed(flags, `${value < 0n ? "-" : ""}${sharp ? prefix : ""}${digits}`);
  };
  switch (verb) {
    case "d":
      return based(10, "");
    case "b":
      return based(2, "0b");
    case "o":
      return based(8, "0");
    case "O":
      return signed(flags, `${value < 0n ? "-" : ""}0o${(value < 0n ? -value : value).toString(8)}`);
    case "x":
      return based(16, "0x");
    case "X":
      return based(16, "0X").toUpperCase();
    case "c":
      return String.fromCodePoint(codePoint(value));
    case "q":
      return `'${String.fromCodePoint(codePoint(value))}'`;
    case "U":
      return `U+${value.toString(16).toUpperCase().padStart(4, "0")}${sharp ? ` '${String.fromCodePoint(codePoint(value))}'` : ""}`;
    default:
      return undefined;
  }
}

function codePoint(value: bigint): number {
  return value >= 0n && value <= 0x10ffffn ? Number(value) : 0xfffd;
}

function convertFloat(verb: string, flags: string, precision: number | undefined, value: number): string | undefined {
  // toFixed and its kin stop at 100 digits; what is beyond is zeros for a float64 of usual size
  const digits = Math.min(precision ?? 6, 100);
  switch (verb) {
    case "f":
    case "F":
      return signed(flags, value.toFixed(digits));
    case "e":
    case "E": {
      const text = value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
      return signed(flags, verb === "E" ? text.toUpperCase() : text);
    }
    case "g":
    case "G":
      return signed(
        flags,
        precision === undefined ? formatFloat(value) : String(Number(value.toPrecision(Math.max(1, digits)))),
      );
    default:
      return undefined;
  }
}

function goSyntax(value: unknown): string {
  if (typeof value === "string") return quote(value);
  if (isList(value)) return `${typeName(value)}{${value.map(goSyntax).join(", ")}}`;
  if (isMap(value)) {
    const pairs = Object.keys(value)
      .sort()
      .map((key) => `${quote(key)}:${goSyntax(value[key])}`);
    return `${typeName(value)}{${pairs.join(", ")}}`;
  }
  return formatValue(value);
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || typeof value === "bigint";
}

function signed(flags: string, text: string): string {
  if (text.startsWith("-")) return text;
  if (flags.includes("+")) return `+${text}`;
  return flags.includes(" ") ? ` ${text}` : text;
}

function pad({ flags, width }: Directive, text: string, numeric = false): string {
  const missing = (width ?? 0) - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  if (!flags.includes("0")) return " ".repeat(missing) + text;
  const sign = numeric ? (/^[+-]/.exec(text)?.[0] ?? "") : "";
  return sign + "0".repeat(missing) + text.slice(sign.length);
}
