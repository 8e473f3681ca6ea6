/** A float64 whose value is integral: a plain number of such a value is an int. Other floats are plain numbers. */
export class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  toJSON(): number {
    return this.value;
  }
}

/** A complex128. */
export class Complex {
  readonly real: number;
  readonly imaginary: number;

  constructor(real: number, imaginary: number) {
    this.real = real;
    this.imaginary = imaginary;
  }
}

/** A constant of a template: its value, or why it is none. */
export type Constant = { value: number | bigint | Float | Complex } | { overflows: "int" } | { failure: string };

/** The value of a float64, whichever way it is held; undefined for all else. */
export function floatOf(value: unknown): number | undefined {
  if (value instanceof Float) return value.value;
  return typeof value === "number" && !Number.isInteger(value) ? value : undefined;
}

const INTEGER =
  /^[+-]?(?:0|[1-9](?:_?[0-9])*|0(?:_?[0-7])+|0[xX](?:_?[0-9a-fA-F])+|0[bB](?:_?[01])+|0[oO](?:_?[0-7])+)$/;
const FLOAT =
  /^[+-]?(?:[0-9](?:_?[0-9])*(?:\.(?:[0-9](?:_?[0-9])*)?)?|\.[0-9](?:_?[0-9])*)(?:[eE][+-]?[0-9](?:_?[0-9])*)?$/;
const HEX_FLOAT = /^([+-]?)0[xX]_?([0-9a-fA-F_]*)(?:\.([0-9a-fA-F_]*))?[pP]([+-]?[0-9]+)$/;
const MAX_INT = 2n ** 63n - 1n;
const MAX_UINT = 2n ** 64n - 1n;

/** Reads a number as Go's templates do: `1`, `0x1F`, `1e3`, `2+3i`. */
export function parseConstant(text: string): Constant {
  const illegal = { failure: `illegal number syntax: ${JSON.stringify(text)}` };
  if (text.endsWith("i")) return complexOf(text) ?? illegal;
  const whole = integerOf(text);
  if (whole !== undefined && whole <= MAX_INT && whole >= -MAX_INT - 1n) return { value: plain(whole) };
  if (whole !== undefined && whole <= MAX_UINT && /^[0-9]/.test(text)) return { overflows: "int" };
  const float = parseFloatText(text);
  if (float === undefined) return illegal;
  if (!/[.eEpP]/.test(text)) return { failure: `integer overflow: ${JSON.stringify(text)}` };
  return { value: Number.isInteger(float) ? new Float(float) : float };
}

function plain(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

function integerOf(text: string): bigint | undefined {
  if (!INTEGER.test(text)) return undefined;
  const digits = text.replace(/^[+-]/, "").replaceAll("_", "");
  const value = BigInt(/^0[0-7]/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return text.startsWith("-") ? -value : value;
}

function parseFloatText(text: string): number | undefined {
  const hex = HEX_FLOAT.exec(text);
  const value = hex === null ? (FLOAT.test(text) ? Number(text.replaceAll("_", "")) : Number.NaN) : hexFloat(hex);
  return Number.isFinite(value) ? value : undefined;
}

function hexFloat([, sign, before = "", after = "", exponent]: RegExpExecArray): number {
  const whole = before.replaceAll("_", "");
  const part = after.replaceAll("_", "");
  if (whole + part === "") return Number.NaN;
  const value = Number(`0x${whole}${part}`) * 2 ** (Number(exponent) - 4 * part.length);
  return sign === "-" ? -value : value;
}

/** The second half starts at the last sign that is no exponent's. */
function complexOf(text: string): Constant | undefined {
  const number = text.slice(0, -1);
  const start = Math.max(0, number.search(/(?<=[^eEpP])[+-](?!.*[^eEpP][+-])/));
  const real = start === 0 ? 0 : parseFloatText(number.slice(0, start));
  const imaginary = parseFloatText(number.slice(start));
  return real === undefined || imaginary === undefined ? undefined : { value: new Complex(real, imaginary) };
}

/** A float64 as `%v` and `%g` write it: shortest digits, and an exponent where it is below -4 or above 5. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "+Inf" : "-Inf";
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const size = Math.abs(value);
  if (size === 0) return `${sign}0`;
  const scientific = size.toExponential();
  const exponent = Number(scientific.slice(scientific.indexOf("e") + 1));
  return sign + (exponent < -4 || exponent >= 6 ? twoDigits(scientific) : String(size));
}

/** Go's exponents have two digits at least. */
export function twoDigits(text: string): string {
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}
