import { conflict, invalid, messageOf, notFound, unknown } from "../base/index.ts";
import { quote } from "../template/index.ts";

export const noVolume = (name: string) => notFound(`get ${name}: no such volume`);
export const volumeInUse = (name: string, users: readonly string[]) =>
  conflict(`remove ${name}: volume is in use - [${users.join(", ")}]`);
export const noDriver = (name: string, driver: string) =>
  notFound(`create ${name}: error looking up volume plugin ${driver}: plugin ${quote(driver)} not found`);

export const nameTooShort = (name: string) =>
  invalid(`create ${name}: volume name is too short, names should be at least two alphanumeric characters`);
export const badName = (name: string) =>
  invalid(
    `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only ` +
      `"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );

export const badOption = (name: string, option: string) =>
  invalid(`create ${name}: invalid option: ${JSON.stringify(option)}`);
export const missingOption = (name: string, option: string) =>
  invalid(`create ${name}: missing required option: ${JSON.stringify(option)}`);
export const noQuota = (name: string) => invalid(`create ${name}: quota size requested but no quota support`);

export const badFilter = (key: string) => invalid(`invalid filter '${key}'`);
export const badFilterValue = (key: string, values: readonly string[]) =>
  invalid(`invalid filter '${key}=[${values.join(" ")}]'`);

/** Go's words for a failed mount(2): source, target, flags, data, and the errno's text. */
export const mountFailed = (
  mountpoint: string,
  plan: { device: string; flags: number; data: string },
  cause: unknown,
) => {
  const flags = plan.flags === 0 ? "" : `, flags: 0x${plan.flags.toString(16)}`;
  const data = plan.data === "" ? "" : `, data: ${plan.data}`;
  const text = `mount ${plan.device}:${mountpoint}${flags}${data}: ${errnoText(cause)}`;
  return unknown(`error while mounting volume '${mountpoint}': failed to mount local volume: ${text}`, { cause });
};

/** `ENOENT: No such file or directory, mount …` as `no such file or directory`. */
function errnoText(error: unknown): string {
  const message = messageOf(error);
  const text = /^E[A-Z0-9]+: ([^,]+),/.exec(message)?.[1];
  return text === undefined ? message : text.charAt(0).toLowerCase() + text.slice(1);
}
