import { expect, test } from "bun:test";
import {
  addressBytes,
  addressOfBytes,
  contains,
  formatAddress,
  formatMac,
  formatSubnet,
  overlaps,
  parseAddress,
  parseCidr,
  parseMac,
} from "./address.ts";

test.each([
  ["172.17.0.2", "172.17.0.2"],
  ["0.0.0.0", "0.0.0.0"],
  ["255.255.255.255", "255.255.255.255"],
  ["::", "::"],
  ["::1", "::1"],
  ["fd00:0:0:0:0:0:0:1", "fd00::1"],
  ["2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1"],
  ["2001:0db8::0001:0000", "2001:db8::1:0"],
  ["1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"],
  ["::ffff:10.1.2.3", "::ffff:a01:203"],
  ["fe80::", "fe80::"],
])("%s is %s, there and back by bytes", (text, canonical) => {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} was not parsed`);
  expect(formatAddress(address)).toBe(canonical);
  expect(addressOfBytes(addressBytes(address))).toEqual(address);
});

test.each(["", "1.2.3", "1.2.3.256", "fe80::1%eth0", "g::", "1.2.3.4/8"])("%p is no address", (text) => {
  expect(parseAddress(text)).toBeUndefined();
});

test("a CIDR keeps its host part and gives its subnet", () => {
  const parsed = parseCidr("172.30.0.5/16");
  expect(parsed && formatAddress(parsed.address)).toBe("172.30.0.5");
  expect(parsed && formatSubnet(parsed.subnet)).toBe("172.30.0.0/16");
  for (const text of ["172.30.0.0", "1.2.3.4/33", "fd00::/129", "1.2.3.4/", "1.2.3.4/8/8", "1.2.3.4/+8"])
    expect(parseCidr(text)).toBeUndefined();
});

test("subnets contain and overlap within their family", () => {
  const subnet = (text: string) => {
    const parsed = parseCidr(text);
    if (parsed === undefined) throw new Error(text);
    return parsed.subnet;
  };
  expect(overlaps(subnet("10.0.0.0/8"), subnet("10.99.0.0/24"))).toBe(true);
  expect(overlaps(subnet("10.0.0.0/24"), subnet("10.0.1.0/24"))).toBe(false);
  expect(overlaps(subnet("0.0.0.0/0"), subnet("::/0"))).toBe(false);
  expect(contains(subnet("10.0.0.0/24"), { family: 4, value: 0x0a0000ffn })).toBe(true);
  expect(contains(subnet("10.0.0.0/24"), { family: 4, value: 0x0a000100n })).toBe(false);
});

test("MAC addresses with colons, dashes or dots", () => {
  expect(formatMac(parseMac("02-42-AC-11-00-02") ?? Buffer.alloc(0))).toBe("02:42:ac:11:00:02");
  expect(formatMac(parseMac("0242.ac11.0002") ?? Buffer.alloc(0))).toBe("02:42:ac:11:00:02");
  expect(parseMac("02:42:ac:11:00")).toBeUndefined();
});
