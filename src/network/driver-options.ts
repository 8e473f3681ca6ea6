/** What the driver options of one endpoint say: the name of its interface, and settings of that. */
import { closeSync, writeSync } from "node:fs";
import type { EndpointSettings } from "../api/index.ts";
import { errnoOf, messageOf } from "../base/index.ts";
import { O_RDWR } from "../sys/index.ts";
import type { Native } from "../sys/index.ts";

const NAME = "com.docker.network.endpoint.ifname";
const SYSCTLS = "com.docker.network.endpoint.sysctls";

/** `net.ipv4.conf.IFNAME.log_martians=1`; Docker's command sends options in small letters. */
const SYSCTL = /^[^.]*\.(ipv4|ipv6|mpls)\.[^.]*\.(IFNAME|ifname)\.[^]*$/;

/** The interface's name that was asked for; undefined for the next one that is free. */
export function interfaceNameOf({ DriverOpts }: EndpointSettings): string | undefined {
  return DriverOpts?.[NAME] || undefined;
}

/** Options that mean nothing here. */
export function unknownOptions({ DriverOpts }: EndpointSettings): string[] {
  return Object.keys(DriverOpts ?? {}).filter((name) => name !== NAME && name !== SYSCTLS);
}

/** Faults of the options that can be told before there is an interface, in Docker's words. */
export function optionFaults(asked: EndpointSettings): string[] {
  return sysctlTexts(asked)
    .filter((text) => !SYSCTL.test(text))
    .map(
      (text) =>
        `unrecognised network interface sysctl '${text}'; represent 'net.X.Y.ethN.Z=V' as 'net.X.Y.IFNAME.Z=V', 'X' must be 'ipv4', 'ipv6' or 'mpls'`,
    );
}

function sysctlTexts({ DriverOpts }: EndpointSettings): string[] {
  return DriverOpts?.[SYSCTLS]?.split(",") ?? [];
}

/** A setting could not be made: `message` is what Docker says. */
export class SysctlError extends Error {}

/**
 * Makes the settings of an endpoint's interface, within its namespace.
 * @throws SysctlError for what is no setting, or a value that the kernel does not take.
 */
export function applySysctls(native: Native, netnsFd: number, interfaceName: string, asked: EndpointSettings): void {
  for (const text of sysctlTexts(asked)) {
    const at = text.indexOf("=");
    if (at < 0) throw new SysctlError(`expected sysctl '${text}' to have format name=value`);
    const [net = "", family = "", group = "", , ...name] = text.slice(0, at).split(".");
    const path = ["/proc/sys", net, family, group, interfaceName, name.join(".")].join("/");
    writeSetting(native, netnsFd, path, text.slice(at + 1));
  }
}

function writeSetting(native: Native, netnsFd: number, path: string, value: string): void {
  // Nothing but a name of a setting: the path may not lead out of where they are.
  const parts = path.split("/");
  if (parts.includes("..") || parts.includes(".")) throw new SysctlError(`${path} is not a sysctl file`);
  let fd: number;
  try {
    fd = native.openInNetns(netnsFd, path, O_RDWR);
  } catch (error) {
    if (errnoOf(error) === "EACCES") throw new SysctlError(`unable to write to '${path}': permission denied`);
    throw new SysctlError(`${path} is not a sysctl file`);
  }
  try {
    writeSync(fd, value);
  } catch (error) {
    throw new SysctlError(`unable to write to '${path}': ${messageOf(error)}`);
  } finally {
    closeSync(fd);
  }
}
