import { CliError, FlagError } from "./errors.ts";
import { parseDuration } from "./units.ts";

/**
 * A time as the API takes it: a span before now, a date of many forms, or seconds since 1970, which stay as they are.
 * @param what the flag that errors name, if they name it.
 * @throws CliError
 */
export function toTimestamp(text: string, what?: string): string | undefined {
  const said = what === undefined ? "" : `invalid value for "${what}": `;
  if (text === "" || text === "0") return text === "" ? undefined : text; // not the span of no length: the beginning
  try {
    return secondsOf(Date.now() - parseDuration(text) / 1e6);
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
  }
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return text;
  const match =
    /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?(Z|[+-]\d{2}:\d{2})?$/.exec(text);
  if (match === null) throw new CliError(`${said}failed to parse value as time or duration: ${JSON.stringify(text)}`);
  const [, year, month, day, hour = "00", minute = "00", second = "00", fraction = "", zone = ""] = match;
  const wrong = outOfRange([year, month, day, hour, minute, second].map(Number));
  if (wrong !== undefined) throw new CliError(`${said}parsing time ${JSON.stringify(text)}: ${wrong} out of range`);
  const millis = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  if (Number.isNaN(millis))
    throw new CliError(`${said}failed to parse value as time or duration: ${JSON.stringify(text)}`);
  return `${Math.floor(millis / 1000)}.${fraction.padEnd(9, "0")}`;
}

/** The part of a date and time that no calendar or clock has. */
function outOfRange([year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0]: readonly number[]):
  string | undefined {
  if (month < 1 || month > 12) return "month";
  if (hour > 23) return "hour";
  if (minute > 59) return "minute";
  if (second > 59) return "second";
  return day < 1 || day > new Date(Date.UTC(year, month, 0)).getUTCDate() ? "day" : undefined;
}

function secondsOf(millis: number): string {
  const whole = Math.floor(millis / 1000);
  return `${whole}.${String(Math.round((millis - whole * 1000) * 1e6)).padStart(9, "0")}`;
}
