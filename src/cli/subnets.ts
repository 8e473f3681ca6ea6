import { CliError } from "./errors.ts";

export interface Subnet {
  address: bigint;
  prefix: number;
  /** 32 or 128. */
  width: number;
}

/** @throws CliError with Go's text. */
export function parseSubnet(text: string): Subnet {
  const [address = "", length = "", ...more] = text.split("/");
  const parsed = parseAddress(address);
  if (parsed === undefined || !/^\d+$/.test(length) || more.length > 0 || Number(length) > parsed.width) {
    throw new CliError(`invalid CIDR address: ${text}`);
  }
  return { address: parsed.value, width: parsed.width, prefix: Number(length) };
}

/** The address as a number; undefined when it is none. */
export function parseAddress(text: string): { value: bigint; width: number } | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets !== undefined) {
    return octets.every((octet) => octet < 256)
      ? { value: octets.reduce((sum, octet) => sum * 256n + BigInt(octet), 0n), width: 32 }
      : undefined;
  }
  const words = text.replace(/(?<=:)[0-9.]+$/, embedded);
  if (!words.includes(":") || !/^[0-9a-fA-F:]+$/.test(words)) return undefined;
  const [head = "", tail, ...more] = words.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const missing = 8 - left.length - right.length;
  if (more.length > 0 || missing < 0 || (tail === undefined && missing !== 0)) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => "0"), ...right];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  return { value: groups.reduce((sum, group) => sum * 65_536n + BigInt(Number.parseInt(group, 16)), 0n), width: 128 };
}

/** The IPv4 address at an IPv6 address's end as two of its groups. */
function embedded(text: string): string {
  const address = text.includes(".") ? parseAddress(text) : undefined;
  if (address === undefined) return text;
  return `${(address.value >> 16n).toString(16)}:${(address.value & 0xffffn).toString(16)}`;
}

export function addressIn(text: string, subnet: Subnet): boolean {
  const address = parseAddress(text);
  return (
    address !== undefined &&
    address.width === subnet.width &&
    top(address.value, subnet.width, subnet.prefix) === top(subnet.address, subnet.width, subnet.prefix)
  );
}

export function overlaps(left: Subnet, right: Subnet): boolean {
  const prefix = Math.min(left.prefix, right.prefix);
  return (
    left.width === right.width && top(left.address, left.width, prefix) === top(right.address, right.width, prefix)
  );
}

function top(address: bigint, width: number, prefix: number): bigint {
  return address >> BigInt(width - prefix);
}
