import { expect, test } from "bun:test";
import { defaultNetworkConfig } from "./config.ts";
import { planNetwork } from "./create.ts";
import { listed, prunable } from "./filters.ts";
import { predefinedNetworks } from "./predefined.ts";

const config = defaultNetworkConfig();
const predefined = predefinedNetworks(config, [], { routed: [], onBridge: undefined });
const around = { config, networks: predefined, routed: [] };
const mine = planNetwork({ Name: "mine", Labels: { a: "1", b: "" } }, around);
const used = planNetwork({ Name: "used" }, around);
const all = [...predefined, mine, used];
const names = (filters: Record<string, string[]>) =>
  listed(all, new Map(Object.entries(filters)), (network) => network === used).map((network) => network.name);

test.each<[Record<string, string[]>, string[]]>([
  [{}, ["bridge", "host", "none", "mine", "used"]],
  [{ driver: ["null", "host"] }, ["host", "none"]],
  [{ name: ["in"] }, ["mine"]],
  [{ id: [mine.id.slice(0, 10)] }, ["mine"]],
  [{ id: [mine.id.slice(3)] }, ["mine"]],
  [{ name: ["^m", "ed$"] }, ["mine", "used"]],
  [{ name: ["mi?"] }, ["mine"]],
  [{ name: ["["] }, []],
  [{ label: ["a=1", "b"] }, ["mine"]],
  [{ label: ["a=2"] }, []],
  [{ type: ["builtin"] }, ["bridge", "host", "none"]],
  [{ type: ["custom"] }, ["mine", "used"]],
  [{ scope: ["swarm"] }, []],
  [{ dangling: ["true"] }, ["mine"]],
  [{ dangling: ["0"] }, ["bridge", "host", "none", "used"]],
])("ls with %j", (filters, expected) => {
  expect(names(filters)).toEqual(expected);
});

test("unknown filters are refused", () => {
  expect(() => names({ colour: ["x"] })).toThrow("invalid filter 'colour'");
  expect(() => names({ type: ["x"] })).toThrow("invalid filter");
  expect(() => prunable(all, new Map([["name", ["x"]]]), () => false)).toThrow("invalid filter 'name'");
  expect(() => prunable(all, new Map([["until", ["soon"]]]), () => false)).toThrow("until=soon");
});

test("prune spares predefined, used, labelled and young networks", () => {
  const pruned = (filters: Record<string, string[]>) =>
    prunable(all, new Map(Object.entries(filters)), (network) => network === used).map((network) => network.name);
  expect(pruned({})).toEqual(["mine"]);
  expect(pruned({ "label!": ["a"] })).toEqual([]);
  expect(pruned({ until: ["1h30m"] })).toEqual([]);
  expect(pruned({ until: [String(Date.now() / 1000 + 60)] })).toEqual(["mine"]);
});
