import type { DeviceMapping, DeviceRequest, ThrottleDevice } from "../api/index.ts";
import { toMap } from "./environment.ts";
import { FlagError } from "./errors.ts";
import { splitCsv } from "./flags.ts";
import { parseAddress } from "./subnets.ts";
import { parseBytes } from "./units.ts";

/** Values of flags that speak of hosts, devices and limits. Each throws FlagError with Docker's text. */

/** `host:ip` or `host=ip`; IPv6 in brackets or not. */
export function extraHost(text: string): string {
  const separator = /[=:]/.exec(text)?.index ?? -1;
  if (separator <= 0) throw new FlagError(`bad format for add-host: ${JSON.stringify(text)}`);
  const ip = text.slice(separator + 1).replace(/^\[(.*)\]$/, "$1");
  if (ip !== "host-gateway" && parseAddress(ip) === undefined) {
    throw new FlagError(`invalid IP address in add-host: ${JSON.stringify(ip)}`);
  }
  return `${text.slice(0, separator)}:${ip}`;
}

/** `vendor.com/class=name`: a device that the engine is to find by its name (CDI). */
export function isNamedDevice(text: string): boolean {
  return /^[a-z][\w.-]*[a-z0-9]\/[a-z][\w-]*=[a-z0-9][\w.:-]*$/i.test(text);
}

/** `host[:container][:mode]`. */
export function device(text: string): DeviceMapping {
  const parts = text.split(":");
  const isMode = (mode: string) => /^(?!.*(.).*\1)[rwm]+$/.test(mode);
  const [source = "", second, third] = parts;
  if (parts.length > 3 || source === "") throw new FlagError(`bad format for path: ${text}`);
  const mode = third ?? (second !== undefined && isMode(second) ? second : undefined);
  const target = second === undefined || second === mode ? source : second;
  if (third !== undefined && !isMode(third)) throw new FlagError(`bad mode specified: ${third}`);
  if (!target.startsWith("/")) throw new FlagError(`${target} is not an absolute path`);
  return { PathOnHost: source, PathInContainer: target, CgroupPermissions: mode ?? "rwm" };
}

export function deviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text))
    throw new FlagError(`invalid device cgroup format '${text}'`);
  return text;
}

/** `device:rate`. */
function throttle(text: string, rate: (value: string) => number): ThrottleDevice {
  const colon = text.lastIndexOf(":");
  if (colon < 1) throw new FlagError(`bad format: ${text}`);
  const path = text.slice(0, colon);
  if (!path.startsWith("/dev/")) throw new FlagError(`bad format for device path: ${text}`);
  return { Path: path, Rate: rate(text.slice(colon + 1)) };
}

export function bpsDevice(text: string): ThrottleDevice {
  return throttle(text, (value) => {
    try {
      return parseBytes(value);
    } catch {
      throw new FlagError(
        `invalid rate for device: ${text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb`,
      );
    }
  });
}

export function iopsDevice(text: string): ThrottleDevice {
  return throttle(text, (value) => {
    if (!/^\d+$/.test(value)) {
      throw new FlagError(
        `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
      );
    }
    return Number(value);
  });
}

export function weightDevice(text: string): { Path?: string; Weight?: number } {
  const { Path = "", Rate = 0 } = throttle(text, (value) => (/^\d+$/.test(value) ? Number(value) : -1));
  if (Rate !== 0 && (Rate < 10 || Rate > 1000)) throw new FlagError(`invalid weight for device: ${text}`);
  return { Path, Weight: Rate };
}

export function ulimit(text: string): { Name: string; Soft: number; Hard: number } {
  const [name = "", limits = ""] = text.split("=");
  const [soft = 0, hard = soft] = limits.split(":").map(Number);
  return { Name: name, Soft: soft, Hard: hard };
}

export function gpuRequest(text: string): DeviceRequest {
  if (text === "") throw new FlagError("EOF");
  const request: DeviceRequest = { Driver: "", Count: 0, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} };
  const seen = new Set<string>();
  for (const field of splitCsv(text)) {
    const equals = field.indexOf("=");
    const key = equals === -1 ? field : field.slice(0, equals);
    const value = equals === -1 ? field : field.slice(equals + 1);
    if (seen.has(key)) throw new FlagError(`gpu request key '${key}' can be specified only once`);
    seen.add(key);
    if (equals === -1 || key === "count") request.Count = gpuCount(value);
    else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [[...value.split(","), "gpu"]];
    else if (key === "options") request.Options = toMap(value.split(","));
    else throw new FlagError(`unexpected key '${key}' in '${field}'`);
  }
  return request;
}

function gpuCount(text: string): number {
  if (text === "all") return -1;
  const fault = (why: string) =>
    new FlagError(`invalid count (${text}): value must be either "all" or an integer: ${why}`);
  if (!/^[+-]?\d+$/.test(text)) throw fault("invalid syntax");
  if (!Number.isSafeInteger(Number(text))) throw fault("value out of range");
  return Number(text);
}
