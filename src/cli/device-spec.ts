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

export function device(text: string): DeviceMapping {
  const parts = text.split(":");
  const isMode = (mode: string) => /^(?!.*(.).*\1)[rwm]+$/.test(mode);
  const [source = ""] = parts;
  let target = source;
  let permissions = "rwm";
  if (parts.length === 3) [, target = source, permissions = "rwm"] = parts;
  else if (parts.length === 2) {
    const [, second = ""] = parts;
    if (isMode(second)) permissions = second;
    else target = second;
  } else if (parts.length > 3) throw new FlagError(`invalid device specification: ${text}`);
  if (!isMode(permissions)) throw new FlagError(`bad mode specified: ${permissions}`);
  return { PathOnHost: source, PathInContainer: target === "" ? source : target, CgroupPermissions: permissions };
}

export function deviceRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text))
    throw new FlagError(`invalid device cgroup format '${text}'`);
  return text;
}

/** `device:rate`. */
function throttle(text: string, rate: (value: string) => number): ThrottleDevice {
  const colon = text.lastIndexOf(":");
  if (colon === -1) throw new FlagError(`bad format: ${text}`);
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
  const request: DeviceRequest = { Driver: "", Count: 0, DeviceIDs: [], Capabilities: [["gpu"]], Options: {} };
  for (const field of splitCsv(text)) {
    const equals = field.indexOf("=");
    const key = equals === -1 ? "count" : field.slice(0, equals);
    const value = equals === -1 ? field : field.slice(equals + 1);
    if (key === "count") {
      if (value !== "all" && !/^-?\d+$/.test(value))
        throw new FlagError(`invalid count (${value}): value must be either "all" or an integer: invalid syntax`);
      request.Count = value === "all" ? -1 : Number(value);
    } else if (key === "driver") request.Driver = value;
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [["gpu", ...value.split(",")]];
    else if (key === "options") request.Options = toMap(value.split(","));
    else throw new FlagError(`unexpected key '${key}' in '${field}'`);
  }
  return request;
}
