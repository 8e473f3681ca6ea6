/** IP addresses and subnets as numbers, for arithmetic; text and bytes at the edges. */
import { isIP } from "node:net";

export type Family = 4 | 6;

export interface Address {
  readonly family: Family;
  readonly value: bigint;
}

export interface InterfaceAddress {
  address: Address;
  prefix: number;
}

export interface Subnet {
  readonly family: Family;
  /** The lowest address: bits beyond the prefix are zero. */
  readonly base: bigint;
  readonly prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** The address that `text` writes, or undefined when it is none. Zones (`%eth0`) are not taken. */
export function parseAddress(text: string): Address | undefined {
  const family = isIP(text);
  if (family === 4) return { family, value: valueOf4(text) };
  if (family === 6 && !text.includes("%")) return { family, value: valueOf6(text) };
  return undefined;
}

function valueOf4(text: string): bigint {
  return text.split(".").reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

function valueOf6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const plain = dotted === null ? text : `${dotted[1]}${hexPair(valueOf4(dotted[2] ?? ""))}`;
  const [head = "", tail] = plain.split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return groups.reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

const hexPair = (value: bigint) => `${(value >> 16n).toString(16)}:${(value & 0xffffn).toString(16)}`;

/** Canonical text (RFC 5952 for IPv6). */
export function formatAddress({ family, value }: Address): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - 16 * index)) & 0xffffn).toString(16),
  ).join(":");
  const zeros = [...`:${groups}:`.matchAll(/:(0:)+/g)].map((match) => match[0]);
  const longest = zeros.reduce((best, run) => (run.length > best.length ? run : best), "");
  if (longest.length < 5) return groups;
  const [before, after] = split(`:${groups}:`, longest);
  return `${before.replace(/^:/, "")}::${after.replace(/:$/, "")}`;
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return [text.slice(0, index), text.slice(index + at.length)];
}

export function addressBytes({ family, value }: Address): Buffer {
  return Buffer.from(value.toString(16).padStart(BITS[family] / 4, "0"), "hex");
}

export function addressOfBytes(bytes: Uint8Array): Address {
  return { family: bytes.length === 4 ? 4 : 6, value: BigInt(`0x${Buffer.from(bytes).toString("hex")}`) };
}

/** `a.b.c.d/n` with whatever host bits it has: the address and its subnet. */
export function parseCidr(text: string): { address: Address; subnet: Subnet } | undefined {
  const [host = "", digits = "", extra] = text.split("/");
  const address = parseAddress(host);
  if (address === undefined || extra !== undefined || !/^\d{1,3}$/.test(digits)) return undefined;
  const prefix = Number(digits);
  if (prefix > BITS[address.family]) return undefined;
  return { address, subnet: subnetOf(address, prefix) };
}

/** An interface's address with its prefix: `10.0.0.1/24`. */
export function formatInterfaceAddress({ address, prefix }: InterfaceAddress): string {
  return `${formatAddress(address)}/${prefix}`;
}

/** As `formatInterfaceAddress` writes it; undefined for another text. */
export function parseInterfaceAddress(text: string): InterfaceAddress | undefined {
  const parsed = parseCidr(text);
  return parsed && { address: parsed.address, prefix: parsed.subnet.prefix };
}

/** The subnet of that prefix around an address. */
export function subnetOf(address: Address, prefix: number): Subnet {
  const hostBits = BigInt(BITS[address.family] - prefix);
  return { family: address.family, base: (address.value >> hostBits) << hostBits, prefix };
}

export function subnetSize({ family, prefix }: Subnet): bigint {
  return 1n << BigInt(BITS[family] - prefix);
}

/** The highest address; of an IPv4 subnet the broadcast address. */
export function lastOf(subnet: Subnet): bigint {
  return subnet.base + subnetSize(subnet) - 1n;
}

export function contains(subnet: Subnet, address: Address): boolean {
  return subnet.family === address.family && address.value >= subnet.base && address.value <= lastOf(subnet);
}

export function overlaps(a: Subnet, b: Subnet): boolean {
  return a.family === b.family && a.base <= lastOf(b) && b.base <= lastOf(a);
}

export function formatSubnet(subnet: Subnet): string {
  return `${formatAddress({ family: subnet.family, value: subnet.base })}/${subnet.prefix}`;
}

/** Six bytes of `02:42:…`, or undefined. */
export function parseMac(text: string): Buffer | undefined {
  if (!/^([0-9a-f]{2}([:-][0-9a-f]{2}){5}|[0-9a-f]{4}(\.[0-9a-f]{4}){2})$/i.test(text)) return undefined;
  return Buffer.from(text.replace(/[:.-]/g, ""), "hex");
}

export function formatMac(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
