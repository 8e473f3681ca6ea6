import { expect, test } from "bun:test";
import { decodeMessage, encodeCall, messageLength } from "./message.ts";
import { splitSignature, WireReader, WireWriter, type Value } from "./wire.ts";

function bytesOf(signature: string, ...values: Value[]): string {
  const writer = new WireWriter();
  writer.write(signature, values);
  return Buffer.from(writer.toBytes()).toString("hex");
}

/** Blanks are for the reader. */
const hex = (text: string) => text.replaceAll(" ", "");

test("values are aligned to their size, and an array's padding is not in its length", () => {
  expect(bytesOf("yu", 1, 2)).toBe(hex("01000000 02000000"));
  expect(bytesOf("yt", 1, 2n)).toBe(hex("0100000000000000 0200000000000000"));
  expect(bytesOf("s", "ab")).toBe(hex("02000000 616200"));
  expect(bytesOf("at", [5n])).toBe(hex("08000000 00000000 0500000000000000"));
  expect(bytesOf("a(yv)", [])).toBe(hex("00000000 00000000"));
  expect(bytesOf("v", { signature: "b", value: true })).toBe(hex("016200 00 01000000"));
  expect(bytesOf("ay", Uint8Array.of(1, 255))).toBe(hex("02000000 01ff"));
});

test("what is written is read again", () => {
  const signature = "ssa(sv)a(sa(sv))ybu";
  const values: Value[] = [
    "unit.scope",
    "größe",
    [
      ["PIDs", { signature: "au", value: [1, 2] }],
      ["Deep", { signature: "a(st)", value: [["x", 2n ** 64n - 1n]] }],
    ],
    [],
    7,
    false,
    4_000_000_000,
  ];
  const writer = new WireWriter();
  writer.write(signature, values);
  expect(new WireReader(writer.toBytes()).read(signature)).toEqual(values);
});

test("signatures fall into complete types", () => {
  expect(splitSignature("sa(sv)aau(y(st))")).toEqual(["s", "a(sv)", "aau", "(y(st))"]);
  expect(() => splitSignature("(s")).toThrow("unfinished");
});

test("a message is whole only with its last byte", () => {
  const call = { destination: "d", path: "/p", interface: "i", member: "m", signature: "s", body: ["text"] };
  const bytes = encodeCall(3, call);
  expect(messageLength(bytes.subarray(0, 15))).toBeUndefined();
  expect(messageLength(bytes.subarray(0, 16))).toBe(bytes.length);
  const message = decodeMessage(bytes);
  expect(message).toMatchObject({ kind: 1, member: "m" });
  expect(message.body()).toEqual(["text"]);
});

test("what is no message, or lies about its lengths, is refused", () => {
  expect(() => messageLength(Buffer.alloc(16))).toThrow("not a little-endian D-Bus message");
  const bytes = encodeCall(1, { destination: "d", path: "/p", interface: "i", member: "m", signature: "", body: [] });
  const lying = Buffer.from(bytes);
  lying.writeUInt32LE(1 << 20, 12);
  expect(() => decodeMessage(lying)).toThrow();
  expect(() => new WireReader(Uint8Array.of(255, 0, 0, 0, 65)).read("s")).toThrow("ends too early");
  expect(() => new WireReader(Uint8Array.of(255, 0, 0, 0, 65)).read("au")).toThrow("ends too early");
  expect(() => new WireReader(new Uint8Array(8)).read("d")).toThrow("unknown D-Bus type");
});
