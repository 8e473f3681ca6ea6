import { formatOne, pairOf } from "./verbs.ts";
import { formatValue } from "./values.ts";

/** Go refuses wider fields (fmt: tooLarge). */
const MAX_WIDTH = 1_000_000;

/** How one value is to be written: `%-8.3f`. */
export interface Directive {
  flags: string;
  width: number | undefined;
  precision: number | undefined;
  verb: string;
}

/** Go's fmt.Sprintf for the values that templates hold, its complaints included (`%!d(string=x)`). */
export function sprintf(format: string, args: readonly unknown[]): string {
  return new Printer(format, args).print();
}

/** Reads a format from left to right; the methods are in the order in which a directive has its parts. */
class Printer {
  readonly #format: string;
  readonly #args: readonly unknown[];
  #text = "";
  #at = 0;
  /** The argument that is next. */
  #next = 0;
  /** Whoever names arguments by number need not use all. */
  #reordered = false;
  /** The number of an argument was the last thing read: a width behind it is an error. */
  #afterNumber = false;
  #numbersAreGood = true;

  constructor(format: string, args: readonly unknown[]) {
    this.#format = format;
    this.#args = args;
  }

  print(): string {
    for (;;) {
      const percent = this.#format.indexOf("%", this.#at);
      this.#text += this.#format.slice(this.#at, percent === -1 ? undefined : percent);
      if (percent === -1) break;
      this.#at = percent + 1;
      this.#directive();
    }
    if (this.#reordered || this.#next >= this.#args.length) return this.#text;
    return `${this.#text}%!(EXTRA ${this.#args.slice(this.#next).map(pairOf).join(", ")})`;
  }

  #directive(): void {
    this.#numbersAreGood = true;
    let flags = this.#match(/[-+# 0]*/y);
    this.#argumentNumber();
    let width = this.#width();
    if (width !== undefined && width < 0) {
      flags += "-";
      width = -width;
    }
    const precision = this.#precision();
    if (!this.#afterNumber) this.#argumentNumber();
    this.#afterNumber = false;
    const verb = this.#match(/[\s\S]/uy);
    if (verb === "") this.#text += "%!(NOVERB)";
    else if (verb === "%") this.#text += "%";
    else if (!this.#numbersAreGood) this.#text += `%!${verb}(BADINDEX)`;
    else if (this.#next >= this.#args.length) this.#text += `%!${verb}(MISSING)`;
    else this.#text += formatOne({ flags, width, precision, verb }, this.#args[this.#next++]);
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#format)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  /** `[2]`: the argument that comes next. */
  #argumentNumber(): void {
    this.#afterNumber = false;
    if (this.#format[this.#at] !== "[") return;
    this.#reordered = true;
    const end = this.#format.indexOf("]", this.#at);
    if (end === -1) {
      this.#numbersAreGood = false;
      this.#at++;
      return;
    }
    const digits = this.#format.slice(this.#at + 1, end);
    this.#at = end + 1;
    this.#afterNumber = /^[0-9]+$/.test(digits);
    const index = Number(digits) - 1;
    if (this.#afterNumber && index >= 0 && index < this.#args.length) this.#next = index;
    else this.#numbersAreGood = false;
  }

  #width(): number | undefined {
    if (this.#match(/\*/y) !== "") {
      const width = this.#takeSize();
      if (width === undefined) this.#text += "%!(BADWIDTH)";
      this.#afterNumber = false;
      return width;
    }
    const width = this.#digits();
    if (this.#afterNumber && width !== undefined) this.#numbersAreGood = false;
    return width;
  }

  #precision(): number | undefined {
    if (this.#match(/\./y) === "") return undefined;
    if (this.#afterNumber) this.#numbersAreGood = false;
    this.#argumentNumber();
    if (this.#match(/\*/y) === "") return this.#digits() ?? 0;
    const precision = this.#takeSize();
    this.#afterNumber = false;
    if (precision !== undefined && precision >= 0) return precision;
    this.#text += "%!(BADPREC)";
    return undefined;
  }

  #digits(): number | undefined {
    const digits = this.#match(/[0-9]*/y);
    if (digits === "") return undefined;
    if (Number(digits) <= MAX_WIDTH) return Number(digits);
    // Go gives up on the rest
    this.#at = this.#format.length;
    return undefined;
  }

  /** A width or a precision that is an argument. */
  #takeSize(): number | undefined {
    if (this.#next >= this.#args.length) return undefined;
    const value = this.#args[this.#next++];
    const fits = typeof value === "number" && Number.isInteger(value) && Math.abs(value) <= MAX_WIDTH;
    return fits ? value : undefined;
  }
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
