import { expect, test } from "bun:test";
import { nft } from "../../sys/index.ts";
import { elementsFor, rulesFor } from "./rules.ts";
import type { FirewalledBridge } from "./rules.ts";

const open: FirewalledBridge = {
  bridge: "b0",
  icc: true,
  masquerade: true,
  internal: false,
  subnets: [{ family: 4, base: 0x0a000000n, prefix: 24 }],
};
const shut: FirewalledBridge = { ...open, bridge: "b1", icc: false, internal: true };
const unmasked: FirewalledBridge = { ...open, bridge: "b2", masquerade: false };

const names = (elements: readonly nft.Element[]) =>
  elements.map(({ key }) => key.toString().replace(/\0+/g, " ").trim());

test("sets name the bridges, internal ones, and those whose containers may talk", () => {
  const elements = elementsFor([open, shut]);
  expect(names(elements.bridges)).toEqual(["b0", "b1"]);
  expect(names(elements.internal)).toEqual(["b1"]);
  expect(names(elements.same)).toEqual(["b0 b0"]);
});

test("only networks with a way out have source rules; without masquerade the outgoing one is missing", () => {
  const count = (bridge: FirewalledBridge) => rulesFor([bridge])["nat-postrouting"].length;
  expect([count(open), count(unmasked), count(shut)]).toEqual([3, 2, 0]);
});

test("what is decided last on the way into a bridge is a drop", () => {
  const rules = rulesFor([open]);
  expect(rules["into-bridge"].at(-1)).toEqual([nft.verdict("drop")]);
  expect(rules["out-of-internal"].at(-1)).toEqual([nft.verdict("drop")]);
});
