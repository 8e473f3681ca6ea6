import { expect, test } from "bun:test";
import { decodeMessages } from "../netlink/wire.ts";
import { addElements, addRule, batch, commentData, concatenate, deleteTable } from "./batch.ts";
import { addressWithin, interfaceName, jump, verdict } from "./expressions.ts";
import { rulesOf } from "./listing.ts";

/** Hex with spaces between its fields. */
const words = (text: string) => text.replaceAll(" ", "");
const table = { family: "inet", name: "t" } as const;

test("a batch begins and ends with its marks, which ask for no answer", () => {
  const messages = decodeMessages(Buffer.concat(batch([deleteTable(table)]).map((item) => item.bytes)));
  expect(messages.map((message) => message.type)).toEqual([16, 0xa02, 17]);
  expect(messages.map((message) => message.flags & 4)).toEqual([0, 4, 0]);
});

test("a rule's bytes: table, chain, an accept, its comment", () => {
  const { bytes } = addRule(table, "c", [verdict("accept")], { mark: "m" });
  expect(bytes.toString("hex")).toBe(
    words(
      "60000000060a050c0000000000000000 01000000 0600010074000000 0600020063000000 34000480 30000180 0e000100696d6d656469617465000000 1c000280 0800010000000000 10000280 0c000280 0800010000000001 0800070000026d00",
    ),
  );
});

test("keys of several fields are padded to words each", () => {
  expect(concatenate(Buffer.from([6]), Buffer.from([0, 80])).toString("hex")).toBe("0600000000500000");
  expect(interfaceName("br0").toString("hex")).toBe(`627230${"00".repeat(13)}`);
});

test("an element carries key and data", () => {
  const { bytes } = addElements(table, "s", [{ key: Buffer.from([1]), data: Buffer.from([2]) }]);
  expect(bytes.toString("hex")).toContain(words("0c000180 0500010001000000 0c000280 0500010002000000"));
});

test("a prefix that ends within a byte is masked there", () => {
  const bytes = addRule(table, "c", addressWithin("source", Buffer.from([172, 16, 0, 0]), 12)).bytes.toString("hex");
  expect(bytes).toContain("08000100fff00000");
});

test("a rule's comment and jumps are found again in a listing", () => {
  const rule = addRule(table, "c", [jump("other")], { mark: "mine" });
  // A listing has the message type of the change that made it.
  expect(rulesOf(decodeMessages(rule.bytes), "t", "c")).toEqual([{ handle: 0n, mark: "mine", jumps: ["other"] }]);
  expect(rulesOf(decodeMessages(rule.bytes), "t", "d")).toEqual([]);
  expect(commentData("a").toString("hex")).toBe("00026100");
});
