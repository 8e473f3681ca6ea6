import { expect, test } from "bun:test";
import { recordingNative } from "../recording.ts";
import { addAddress, addVeth, linksOf, setDefaultRoute } from "./route.ts";
import { NetlinkSocket } from "./socket.ts";
import { cstring, decodeAttributes, decodeMessages, encodeAttributes, request, textOf, u16, u32 } from "./wire.ts";

/** Hex with spaces between its fields. */
const words = (text: string) => text.replaceAll(" ", "");
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("attributes are padded to four bytes and nest", () => {
  const bytes = encodeAttributes([
    [3, cstring("abc")],
    [18, [[1, Buffer.from("veth")]]],
  ]);
  expect(hex(bytes)).toBe(words("0800030061626300 0c001280 0800010076657468"));
  expect(textOf(decodeAttributes(bytes).get(3))).toBe("abc");
  expect(textOf(decodeAttributes(decodeAttributes(bytes).get(18) ?? Buffer.alloc(0)).get(1))).toBe("veth");
});

test("a message is its length, type, flags, sequence, port and payload", () => {
  const { bytes } = request("x", 16, 4, Buffer.from([1, 2]), [[7, u16(0x1234)]]);
  expect(hex(bytes)).toBe(words("1c000000 1000 0500 00000000 00000000 01020000 0600070034120000"));
});

test("an address message names family, prefix, link, address and broadcast", () => {
  const { bytes } = addAddress(5, Buffer.from([172, 17, 0, 2]), 16);
  expect(hex(bytes)).toBe(
    words("30000000 1400 0505 0000000000000000 02100000 05000000 08000200ac110002 08000100ac110002 08000400ac11ffff"),
  );
});

test("a default route is one of the main table through a gateway", () => {
  expect(hex(setDefaultRoute(Buffer.from([10, 0, 0, 1]), 2).bytes)).toBe(
    words("2c000000 1800 0505 0000000000000000 02000000fe03000100000000 080005000a000001 0800040002000000"),
  );
});

test("a veth's other end is described inside it, its namespace by descriptor", () => {
  const { bytes } = addVeth({
    name: "v0",
    index: 7,
    mtu: 1500,
    peer: { name: "eth0", index: 8, netnsFd: 9, mac: Buffer.alloc(6, 2) },
  });
  expect(hex(bytes)).toContain("1c00000009000000".slice(0, 4));
  expect(hex(bytes)).toContain("08001c0009000000"); // IFLA_NET_NS_FD = 9
  expect(hex(bytes)).toContain("0900030065746830"); // IFLA_IFNAME eth0
});

function errorMessage(sequence: number, errno: number): Buffer {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-errno, 0);
  const { bytes } = request("", 2, 0, payload);
  bytes.writeUInt32LE(sequence, 8);
  return bytes;
}

test("the failed request of a batch is named", async () => {
  let sent = Buffer.alloc(0);
  const { native } = recordingNative({
    socket: () => 9999,
    setsockopt: () => undefined,
    netlinkRequest: async (_, messages) => {
      sent = Buffer.from(messages);
      const [first, second] = decodeMessages(sent);
      return Buffer.concat([errorMessage(first?.sequence ?? 0, 0), errorMessage(second?.sequence ?? 0, 17)]);
    },
  });
  const socket = new NetlinkSocket(native, 0);
  const failure = socket.request([request("add one", 16, 4, u32(0)), request("add two", 16, 4, u32(0))]);
  expect(await failure.catch(String)).toBe("NetlinkError: add two: EEXIST");
  const sequences = decodeMessages(sent).map((message) => message.sequence);
  expect(sequences[1]).toBe((sequences[0] ?? 0) + 1);
});

test("a listing that was disturbed is asked for again", async () => {
  let asked = 0;
  const { native } = recordingNative({
    socket: () => 9999,
    setsockopt: () => undefined,
    netlinkRequest: async () => {
      const { bytes } = request("", 16, asked++ === 0 ? 0x10 : 0, Buffer.alloc(16), [[3, cstring("br0")]]);
      return bytes;
    },
  });
  expect(await new NetlinkSocket(native, 0).request([request("list", 18, 0x300, u32(0))])).toHaveLength(1);
  expect(asked).toBe(2);
});

test("links are read from an answer", () => {
  const header = Buffer.alloc(16);
  header.writeInt32LE(7, 4);
  header.writeUInt32LE(1, 8);
  const { bytes } = request("", 16, 0, header, [
    [3, cstring("br0")],
    [4, u32(1500)],
    [18, [[1, cstring("bridge")]]],
  ]);
  expect(linksOf(decodeMessages(bytes))).toEqual([
    { index: 7, name: "br0", up: true, mtu: 1500, master: undefined, kind: "bridge", mac: Buffer.alloc(0) },
  ]);
});

test("an answer that is cut short gives what is whole", () => {
  const { bytes } = request("", 16, 0, u32(1));
  expect(decodeMessages(Buffer.concat([bytes, bytes.subarray(0, 10)]))).toHaveLength(1);
});
