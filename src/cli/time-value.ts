import { CliError, FlagError } from "./errors.ts";
import { parseDuration } from "./units.ts";

/**
 * A time as the API takes it: a span before now, a date of many forms, or seconds since 1970, which stay as they are.
 * @throws CliError naming `what`.
 */
export function toTimestamp(text: string, what: string): string | undefined {
  if (text === "") return undefined;
  try {
    return secondsOf(Date.now() - parseDuration(text) / 1e6);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
  }
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return text;
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (match === null)
    throw new CliError(
      `invalid value for "${what}": failed to parse value as time or duration: ${JSON.stringify(text)}`,
    );
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = match;
  const millis = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  if (Number.isNaN(millis))
    throw new CliError(
      `invalid value for "${what}": failed to parse value as time or duration: ${JSON.stringify(text)}`,
    );
  return `${Math.floor(millis / 1000)}.${fraction.padEnd(9, "0")}`;
}

function secondsOf(millis: number): string {
  const whole = Math.floor(millis / 1000);
  return `${whole}.${String(Math.round((millis - whole * 1000) * 1e6)).padStart(9, "0")}`;
}
