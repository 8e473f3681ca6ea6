import { isPrintable, quote } from "./literals.ts";
import { Complex, floatOf, formatFloat, twoDigits } from "./numbers.ts";
import type { Directive } from "./printf.ts";
import { formatValue, isList, isMap, typeName } from "./values.ts";

/** `int=3`, as Go's complaints name a value. */
export function pairOf(value: unknown): string {
  return value === null || value === undefined ? "<nil>" : `${typeName(value)}=${formatValue(value)}`;
}

/** One value as a directive has it, or Go's complaint when the verb does not fit its type. */
export function formatOne(directive: Directive, value: unknown): string {
  const { verb } = directive;
  if (verb === "T") return pad(directive, typeName(value));
  if (value === undefined || value === null) {
    return verb === "v" ? pad(directive, "<nil>") : `%!${verb}(<nil>)`;
  }
  if (isList(value) && verb !== "v") return `[${value.map((each) => formatOne(directive, each)).join(" ")}]`;
  if (isMap(value) && verb !== "v") {
    const pairs = Object.keys(value)
      .sort()
      .map((key) => `${formatOne(directive, key)}:${formatOne(directive, value[key])}`);
    return `map[${pairs.join(" ")}]`;
  }
  return convert(directive, value) ?? `%!${verb}(${typeName(value)}=${formatOne(plainly(directive, value), value)})`;
}

/** In a complaint a value keeps its width and its sign. */
function plainly(directive: Directive, value: unknown): Directive {
  const isInt = floatOf(value) === undefined && (typeof value === "number" || typeof value === "bigint");
  const verb = isInt ? "d" : floatOf(value) === undefined && !(value instanceof Complex) ? "v" : "g";
  return { ...directive, flags: directive.flags.replaceAll("#", ""), verb };
}

function convert(directive: Directive, value: unknown): string | undefined {
  const { verb, flags } = directive;
  if (verb === "v" && flags.includes("#")) return pad(directive, goSyntax(value));
  if (value instanceof Complex) return convertComplex(directive, value);
  const float = floatOf(value);
  if (float !== undefined) return convertFloat(directive, float);
  if (typeof value === "number" || typeof value === "bigint") return convertInteger(directive, BigInt(value));
  if (typeof value === "string") return convertString(directive, value);
  if (typeof value === "boolean") return verb === "v" || verb === "t" ? pad(directive, String(value)) : undefined;
  return verb === "v" || verb === "s" ? pad(directive, formatValue(value)) : undefined;
}

function convertString(directive: Directive, value: string): string | undefined {
  const { verb, flags, precision } = directive;
  const cut = precision === undefined ? value : Array.from(value).slice(0, precision).join("");
  switch (verb) {
    case "v":
    case "s":
      return pad(directive, cut);
    case "q":
      return pad(
        directive,
        flags.includes("#") && !cut.includes("`") ? `\`${cut}\`` : quote(cut, '"', flags.includes("+")),
      );
    case "x":
    case "X": {
      const bytes = Buffer.from(value).subarray(0, precision).toString("hex");
      const prefix = flags.includes("#") && bytes !== "" ? "0x" : "";
      const hex = prefix + (flags.includes(" ") ? (bytes.match(/../g) ?? []).join(` ${prefix}`) : bytes);
      return pad(directive, verb === "X" ? hex.toUpperCase() : hex);
    }
    default:
      return undefined;
  }
}

const RADIX: Readonly<Record<string, { radix: number; prefix: string }>> = {
  d: { radix: 10, prefix: "" },
  v: { radix: 10, prefix: "" },
  b: { radix: 2, prefix: "0b" },
  o: { radix: 8, prefix: "0" },
  O: { radix: 8, prefix: "" },
  x: { radix: 16, prefix: "0x" },
  X: { radix: 16, prefix: "0x" },
};

function convertInteger(directive: Directive, value: bigint): string | undefined {
  const { verb, flags, width, precision } = directive;
  const char = String.fromCodePoint(value >= 0n && value <= 0x10ffffn ? Number(value) : 0xfffd);
  if (verb === "c") return pad(directive, char);
  if (verb === "q") return pad(directive, quote(char, "'", flags.includes("+")));
  if (verb === "U") {
    const code = `U+${value
      .toString(16)
      .toUpperCase()
      .padStart(Math.max(4, precision ?? 0), "0")}`;
    return pad(
      { ...directive, flags: flags.replaceAll("0", "") },
      flags.includes("#") && isPrintable(char) ? `${code} '${char}'` : code,
    );
  }
  const form = Object.hasOwn(RADIX, verb) ? RADIX[verb] : undefined;
  if (form === undefined) return undefined;
  const sign = signOf(verb, flags, value < 0n);
  let digits = (value < 0n ? -value : value).toString(form.radix);
  // A precision is the number of digits, and zeros of a width are then none
  if (precision !== undefined) digits = precision === 0 && value === 0n ? "" : digits.padStart(precision, "0");
  else if (flags.includes("0") && !flags.includes("-") && width !== undefined) {
    digits = digits.padStart(width - sign.length, "0");
  }
  const text = `${sign}${verb === "O" ? "0o" : flags.includes("#") ? form.prefix : ""}${digits}`;
  const isEmpty = digits === "";
  return pad(
    { ...directive, flags: flags.replaceAll("0", "") },
    isEmpty ? "" : verb === "X" ? text.toUpperCase() : text,
  );
}

/** With `%v`, a plus asks for the names of fields, not for signs. */
function signOf(verb: string, flags: string, isNegative: boolean): string {
  if (isNegative) return "-";
  if (flags.includes("+") && verb !== "v") return "+";
  return flags.includes(" ") ? " " : "";
}

function convertFloat(directive: Directive, value: number, plus = ""): string | undefined {
  const { verb, flags, width } = directive;
  const size = floatText(directive, Math.abs(value));
  if (size === undefined) return undefined;
  const sign = signOf(verb, flags, value < 0 || Object.is(value, -0)) || plus;
  if (flags.includes("0") && !flags.includes("-") && width !== undefined) {
    return sign + size.padStart(width - sign.length, "0");
  }
  return pad(directive, sign + size);
}

/** Both halves have the width; the sign of the second is always there. */
function convertComplex(directive: Directive, value: Complex): string | undefined {
  const real = convertFloat(directive, value.real);
  const imaginary = convertFloat(directive, value.imaginary, "+");
  return real === undefined || imaginary === undefined ? undefined : `(${real}${imaginary}i)`;
}

/** A float64 that is not negative. */
function floatText({ verb, precision }: Directive, value: number): string | undefined {
  // toFixed and its kin stop at 100 digits; what is beyond is zeros for a float64 of usual size
  const digits = Math.min(precision ?? 6, 100);
  switch (verb) {
    case "f":
    case "F":
      return value.toFixed(digits);
    case "e":
      return twoDigits(value.toExponential(digits));
    case "E":
      return twoDigits(value.toExponential(digits)).toUpperCase();
    case "v":
    case "g":
      return precision === undefined ? formatFloat(value) : significant(value, Math.max(1, digits));
    case "G":
      return (precision === undefined ? formatFloat(value) : significant(value, Math.max(1, digits))).toUpperCase();
    case "b":
      return binaryExponent(value);
    case "x":
      return hexadecimal(value, precision);
    case "X":
      return hexadecimal(value, precision).toUpperCase();
    default:
      return undefined;
  }
}

/** `%.3g`: so many digits without zeros at the end, with an exponent where they do not reach the point. */
function significant(value: number, digits: number): string {
  const [mantissa = "0", power = "+0"] = value.toExponential(digits - 1).split("e");
  const exponent = Number(power);
  const short = mantissa.includes(".") ? mantissa.replace(/\.?0+$/, "") : mantissa;
  const count = short.replace(".", "").length;
  const limit = digits > count && count >= exponent + 1 ? count : digits;
  if (exponent < -4 || exponent >= limit) return twoDigits(`${short}e${power}`);
  return value.toFixed(Math.max(0, count - exponent - 1));
}

/** The 52 bits behind the point, and the exponent. */
function partsOf(value: number): { fraction: bigint; exponent: number } {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  return { fraction: bits & (2n ** 52n - 1n), exponent: Number(bits >> 52n) };
}

/** `6755399441055744p-52` */
function binaryExponent(value: number): string {
  const { fraction, exponent } = partsOf(value);
  const mantissa = exponent === 0 ? fraction : fraction + 2n ** 52n;
  const power = Math.max(exponent, 1) - 1075;
  return `${mantissa}p${power < 0 ? "" : "+"}${power}`;
}

/** `0x1.8p+00`; a precision is the number of digits behind the point, rounded to even. */
function hexadecimal(value: number, precision: number | undefined): string {
  if (value === 0) return `0x0${precision === undefined || precision === 0 ? "" : `.${"0".repeat(precision)}`}p+00`;
  let { fraction, exponent } = partsOf(value);
  if (exponent === 0) exponent = 1;
  else fraction += 2n ** 52n;
  while (fraction < 2n ** 52n) {
    fraction *= 2n;
    exponent--;
  }
  if (precision !== undefined && precision < 13) {
    const unit = 2n ** BigInt(52 - 4 * precision);
    const rest = fraction % unit;
    fraction -= rest;
    const isOdd = (fraction / unit) % 2n === 1n;
    if (rest * 2n > unit || (rest * 2n === unit && isOdd)) fraction += unit;
    if (fraction >= 2n ** 53n) {
      fraction /= 2n;
      exponent++;
    }
  }
  const digits = (fraction - 2n ** 52n).toString(16).padStart(13, "0");
  const behind =
    precision === undefined ? digits.replace(/0+$/, "") : digits.padEnd(precision, "0").slice(0, precision);
  const power = exponent - 1023;
  return `0x1${behind === "" ? "" : `.${behind}`}p${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
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

function pad({ flags, width }: Directive, text: string): string {
  const missing = (width ?? 0) - Array.from(text).length;
  if (missing <= 0) return text;
  if (flags.includes("-")) return text + " ".repeat(missing);
  return (flags.includes("0") ? "0" : " ").repeat(missing) + text;
}
