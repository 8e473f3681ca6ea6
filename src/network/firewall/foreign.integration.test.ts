import { expect, test } from "bun:test";
import { errnoOf } from "../../base/index.ts";
import { loadNative, NETLINK_NETFILTER, NetlinkSocket, nft } from "../../sys/index.ts";
import { openForeignFirewall, planForeign } from "./foreign.ts";

const table: nft.Table = { family: "ip", name: "filter" };

async function marks(prefix: string): Promise<string[] | undefined> {
  using socket = new NetlinkSocket(loadNative(), NETLINK_NETFILTER);
  try {
    const chains = nft.chainsOf(await socket.request([nft.listChains("ip")]));
    if (!chains.some((chain) => chain.table === "filter" && chain.name === "FORWARD")) return undefined;
    const rules = nft.rulesOf(await socket.request([nft.listRules(table, "FORWARD")]), "filter", "FORWARD");
    return rules.map((rule) => rule.mark).filter((mark) => mark.startsWith(prefix));
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

const alone = (await marks("")) === undefined;
if (alone) console.log("skipped: no other firewall with a forward chain on this host");

test.skipIf(alone)("another firewall's forward chain lets our bridges pass, once, and forgets them again", async () => {
  const instance = `berth-foreign-${process.pid}`;
  using foreign = openForeignFirewall(loadNative(), instance);
  await foreign.sync(["bfrgn0", "bfrgn1"]);
  expect(await marks(instance)).toHaveLength(4);
  await foreign.sync(["bfrgn0", "bfrgn1"]);
  expect(await marks(instance)).toHaveLength(4);
  await foreign.sync(["bfrgn1"]);
  expect((await marks(instance))?.sort()).toEqual([`${instance}:iifname:bfrgn1`, `${instance}:oifname:bfrgn1`]);
  await foreign.sync([]);
  expect(await marks(instance)).toEqual([]);
});

test("rules go behind the administrator's chain, and another instance's are left alone", () => {
  const rules: nft.ListedRule[] = [
    { handle: 4n, mark: "", jumps: ["DOCKER-USER"] },
    { handle: 5n, mark: "other:iifname:x", jumps: [] },
    { handle: 6n, mark: "me:iifname:gone", jumps: [] },
  ];
  const names = (plan: ReturnType<typeof planForeign>) => plan.map((change) => change.what);
  const plan = planForeign(table, rules, "me", ["b0"]);
  expect(names(plan)).toEqual(["delete rule of FORWARD", "add rule to FORWARD", "add rule to FORWARD"]);
  // NFTA_RULE_POSITION (6), eight bytes, the handle of the jump.
  expect(plan[1]?.bytes.toString("hex")).toContain("0c0006000000000000000004");
  expect(planForeign(table, [], "me", [])).toEqual([]);
});
