import { invalid } from "../base/index.ts";
import type { ImageRunConfig } from "../spec/index.ts";

type Healthcheck = NonNullable<ImageRunConfig["Healthcheck"]>;

const DURATION_FLAGS: Record<string, "Interval" | "Timeout" | "StartPeriod" | "StartInterval"> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};
const NANOS: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };
const MINIMUM = 1e6;

/**
 * `[--interval=…] CMD …` or `NONE` (Dockerfile reference, HEALTHCHECK).
 * @param jsonList reads the exec form.
 * @throws invalid with Docker's text.
 */
export function parseHealthcheck(text: string, jsonList: (text: string) => string[] | undefined): Healthcheck {
  const check: Healthcheck = {};
  let rest = text;
  for (let flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest); flag !== null; flag = /^--([a-z-]+)=(\S+)\s*/.exec(rest)) {
    setFlag(check, flag[1] ?? "", flag[2] ?? "");
    rest = rest.slice(flag[0].length);
  }
  const [, type = "", command = ""] = /^(\S*)\s*([^]*)$/.exec(rest) ?? [];
  if (type === "") throw invalid("HEALTHCHECK requires at least one argument");
  switch (type.toUpperCase()) {
    case "NONE":
      if (command !== "") throw invalid("HEALTHCHECK NONE takes no arguments");
      return { Test: ["NONE"] };
    case "CMD": {
      if (command === "") throw invalid("Missing command after HEALTHCHECK CMD");
      const list = jsonList(command);
      return { Test: list === undefined ? ["CMD-SHELL", command] : ["CMD", ...list], ...check };
    }
    default:
      throw invalid(`Unknown type ${JSON.stringify(type.toUpperCase())} in HEALTHCHECK (try CMD)`);
  }
}

function setFlag(check: Healthcheck, name: string, value: string): void {
  const field = DURATION_FLAGS[name];
  if (field !== undefined) check[field] = duration(name, value);
  else if (name === "retries") {
    if (!/^\d+$/.test(value)) throw invalid(`--retries invalid: ${JSON.stringify(value)}`);
    check.Retries = Number(value);
  } else throw invalid(`unknown flag: --${name}`);
}

function duration(name: string, value: string): number {
  if (value === "0") return 0;
  if (!/^(?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(value)) {
    throw invalid(`time: invalid duration ${JSON.stringify(value)}`);
  }
  let total = 0;
  for (const [, amount, unit = "s"] of value.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += Number(amount) * (NANOS[unit] ?? 0);
  }
  if (total < MINIMUM && total !== 0) throw invalid(`Interval ${JSON.stringify(name)} cannot be less than 1ms`);
  return total;
}
