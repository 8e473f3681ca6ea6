/** A value that was read, or what is wrong with its text in the words of Go's own readers. */
export type GoValue = { readonly value: number } | { readonly problem: string };

const FACTORS: Record<string, number> = { "": 1, b: 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40, p: 2 ** 50 };

/** `64m`, `1.5GiB`, `512`: bytes, units are powers of 1024. */
export function goSize(text: string): GoValue {
  const match = /^(.*[0-9. ])([^0-9. ]*)$/s.exec(text);
  if (match === null) return { problem: `invalid size: '${text}'` };
  const [, all = "", unit = ""] = match;
  const number = goFloat(all.endsWith(" ") ? all.slice(0, -1) : all);
  if ("problem" in number) return number;
  if (number.value < 0) return { problem: `invalid size: '${text}'` };
  const suffix = unit.length > 3 ? unit : unit.toLowerCase();
  if (!/^(?:|b|[kmgtp](?:b|ib)?)$/.test(suffix)) return { problem: `invalid suffix: '${suffix}'` };
  const size = Math.trunc(number.value * (FACTORS[suffix.slice(0, 1)] ?? 1));
  // Docker's makes a negative number of it.
  return size >= 2 ** 63 ? { problem: `invalid size: '${text}': value out of range` } : { value: size };
}

/** A decimal number. */
function goFloat(text: string): GoValue {
  const plain = text.replace(/(?<=[0-9])_(?=[0-9])/g, "");
  if (/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(plain)) return { value: Number(plain) };
  return { problem: `strconv.ParseFloat: parsing ${JSON.stringify(text)}: invalid syntax` };
}

const NANOSECONDS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** A duration (`1m30s`) in nanoseconds. */
export function goDuration(text: string): GoValue {
  const bad = (what: string) => ({ problem: `time: ${what} ${JSON.stringify(text)}` });
  const sign = text.startsWith("-") ? -1 : 1;
  let rest = text.replace(/^[+-]/, "");
  if (rest === "0") return { value: 0 };
  if (rest === "") return bad("invalid duration");
  let total = 0n;
  while (rest !== "") {
    const number = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)/.exec(rest)?.[0];
    if (number === undefined) return bad("invalid duration");
    rest = rest.slice(number.length);
    const unit = /^[^0-9.]+/.exec(rest)?.[0];
    if (unit === undefined) return bad("missing unit in duration");
    const factor = NANOSECONDS[unit];
    if (factor === undefined) return bad(`unknown unit ${JSON.stringify(unit)} in duration`);
    const [whole = "", fraction = ""] = number.split(".");
    total += BigInt(whole) * BigInt(factor) + BigInt(Math.round(Number(`0.${fraction}0`) * factor));
    rest = rest.slice(unit.length);
  }
  if (total >= 2n ** 63n) return bad("invalid duration");
  // The double that is nearest to the longest durations is more than they are.
  return { value: sign * Math.min(Number(total), 2 ** 63 - 1024) };
}

const TRUE = ["1", "t", "T", "TRUE", "true", "True"];
const FALSE = ["0", "f", "F", "FALSE", "false", "False"];

/** A truth value. */
export function goBool(text: string): { readonly value: boolean } | { readonly problem: string } {
  if (TRUE.includes(text)) return { value: true };
  if (FALSE.includes(text)) return { value: false };
  return { problem: `strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax` };
}

/** A whole number that is not negative, of 64 bits. */
export function goUint(text: string): GoValue {
  const bad = (what: string) => ({ problem: `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${what}` });
  if (!/^[0-9]+$/.test(text)) return bad("invalid syntax");
  return BigInt(text) < 2n ** 64n ? { value: Number(text) } : bad("value out of range");
}
