import type { DeviceRule } from "../../spec/index.ts";

/** A rule as devices.allow and devices.deny take it: `c 1:3 rwm`, `b *:* m`, `a`. */
export function deviceRuleText({ type = "a", major, minor, access }: DeviceRule): string {
  if (type === "a") return "a *:* rwm";
  return `${type} ${number(major)}:${number(minor)} ${access}`;
}

/** The runtime spec writes "every" as an absent or negative number. */
const number = (value: number | undefined) => (value === undefined || value < 0 ? "*" : String(value));
