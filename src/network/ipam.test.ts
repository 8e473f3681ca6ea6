import { expect, test } from "bun:test";
import { formatAddress, formatSubnet, parseAddress, parseCidr } from "./address.ts";
import type { Address, Subnet } from "./address.ts";
import { DEFAULT_POOLS } from "./config.ts";
import { AddressPool, chooseSubnet, subnetProblems } from "./ipam.ts";

function subnet(text: string): Subnet {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed.subnet;
}

function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

test("addresses are given in order, a released one last", () => {
  const pool = new AddressPool(subnet("10.0.0.0/29"));
  pool.take(address("10.0.0.1"));
  const given = [1, 2, 3].map(() => formatAddress(pool.next()));
  expect(given).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4"]);
  pool.release(address("10.0.0.2"));
  expect([1, 2, 3].map(() => formatAddress(pool.next()))).toEqual(["10.0.0.5", "10.0.0.6", "10.0.0.2"]);
  expect(() => pool.next()).toThrow("no available");
});

test("a taken address is refused", () => {
  const pool = new AddressPool(subnet("10.0.0.0/24"));
  pool.take(address("10.0.0.9"));
  expect(() => pool.take(address("10.0.0.9"))).toThrow("Address already in use");
  expect(() => pool.take(address("10.0.0.255"))).toThrow("Address already in use");
});

test("unnamed addresses stay within the range", () => {
  const pool = new AddressPool(subnet("10.0.0.0/16"), subnet("10.0.5.0/30"));
  expect([1, 2, 3, 4].map(() => formatAddress(pool.next()))).toEqual(["10.0.5.0", "10.0.5.1", "10.0.5.2", "10.0.5.3"]);
  expect(() => pool.next()).toThrow("no available");
});

test("IPv6 pools are as large as they are", () => {
  const pool = new AddressPool(subnet("fd00:1::/64"));
  expect(formatAddress(pool.next())).toBe("fd00:1::1");
});

test("the default pools are walked around what is in use", () => {
  const choose = (...inUse: string[]) => formatSubnet(chooseSubnet(4, DEFAULT_POOLS, inUse.map(subnet)));
  expect(choose()).toBe("172.17.0.0/16");
  expect(choose("172.17.5.0/24")).toBe("172.18.0.0/16");
  expect(choose("172.16.0.0/12")).toBe("192.168.0.0/20");
  expect(choose("172.16.0.0/12", "192.168.0.0/18")).toBe("192.168.64.0/20");
  expect(() => choose("0.0.0.0/0")).toThrow("all predefined address pools have been fully subnetted");
});

test("a pool serves its own family only", () => {
  const pools = [{ base: "fd00:1::/48", size: 64 }, ...DEFAULT_POOLS];
  expect(formatSubnet(chooseSubnet(4, pools, []))).toBe("172.17.0.0/16");
  expect(formatSubnet(chooseSubnet(6, pools, [subnet("fd00:1::/64")]))).toBe("fd00:1:0:1::/64");
  expect(() => chooseSubnet(6, DEFAULT_POOLS, [])).toThrow("fully subnetted");
});

test("problems of a subnet are told as Docker tells them", () => {
  expect(subnetProblems({ Subnet: "172.30.0.5/16" })).toEqual([
    "invalid subnet 172.30.0.5/16: it should be 172.30.0.0/16",
  ]);
  expect(subnetProblems({ Subnet: "x" })).toEqual(["invalid subnet x: invalid CIDR block notation"]);
  expect(subnetProblems({ Subnet: "10.0.0.0/8", IPRange: "11.0.0.0/16" })).toHaveLength(1);
  expect(subnetProblems({ Subnet: "10.0.0.0/8", IPRange: "10.1.0.0/16" })).toEqual([]);
});
