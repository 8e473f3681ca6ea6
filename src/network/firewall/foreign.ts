/**
 * Other firewalls' forward chains. An accept in berth's own table does not undo a DROP in another one: dockerd sets the
 * policy of `ip filter FORWARD` to DROP, ufw does the like. A pair of rules for each bridge lets its packets pass there;
 * what may pass at all is decided in berth's own table. The rules are in the form that iptables-nft itself writes.
 */
import { errnoOf } from "../../base/index.ts";
import { NETLINK_NETFILTER, NetlinkSocket, nft } from "../../sys/index.ts";
import type { Native, Request } from "../../sys/index.ts";

const FOREIGN: nft.Table[] = [
  { family: "ip", name: "filter" },
  { family: "ip6", name: "filter" },
];
const CHAIN = "FORWARD";
/** Rules that an administrator puts here, for containers, still come first. */
const USER_CHAIN = "DOCKER-USER";

export interface ForeignFirewall extends Disposable {
  /** Makes the foreign chains let exactly these bridges of ours pass. Idempotent. */
  sync(bridges: readonly string[]): Promise<void>;
}

export const noForeignFirewall: ForeignFirewall = { sync: async () => {}, [Symbol.dispose]: () => {} };

/** @param instance marks our rules, so that two daemons leave each other's alone. */
export function openForeignFirewall(native: Native, instance: string): ForeignFirewall {
  const socket = new NetlinkSocket(native, NETLINK_NETFILTER);
  return {
    sync: async (bridges) => {
      for (const table of FOREIGN) await syncTable(socket, table, instance, bridges);
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

async function syncTable(
  socket: NetlinkSocket,
  table: nft.Table,
  instance: string,
  bridges: readonly string[],
): Promise<void> {
  const chains = nft.chainsOf(await socket.request([nft.listChains(table.family)]));
  if (!chains.some((chain) => chain.table === table.name && chain.name === CHAIN)) return;
  const rules = nft.rulesOf(await socket.request([nft.listRules(table, CHAIN)]), table.name, CHAIN);
  const changes = planForeign(table, rules, instance, bridges);
  if (changes.length === 0) return;
  try {
    await socket.request(nft.batch(changes));
  } catch (error) {
    // The other firewall was reloading: its next state is met at our next change or start.
    if (errnoOf(error) !== "ENOENT") throw error;
  }
}

/** The changes that make the chain pass these bridges: missing rules after the user chain's, surplus ones away. */
export function planForeign(
  table: nft.Table,
  rules: readonly nft.ListedRule[],
  instance: string,
  bridges: readonly string[],
): Request[] {
  const prefix = `${instance}:`;
  const wanted = bridges.flatMap((bridge) =>
    (["iifname", "oifname"] as const).map((side) => ({ bridge, side, mark: `${prefix}${side}:${bridge}` })),
  );
  const present = new Set(rules.map((rule) => rule.mark));
  const surplus = rules.filter(
    (rule) => rule.mark.startsWith(prefix) && !wanted.some((item) => item.mark === rule.mark),
  );
  const userChain = rules.find((rule) => rule.jumps.includes(USER_CHAIN));
  return [
    ...surplus.map((rule) => nft.deleteRule(table, CHAIN, rule.handle)),
    ...wanted
      .filter((item) => !present.has(item.mark))
      .map(({ bridge, side, mark }) => {
        // iptables-nft compares the name with its NUL, not the whole field.
        const name = Buffer.from(`${bridge}\0`);
        const expressions = [nft.meta(side), nft.compare(name), nft.verdict("accept")];
        return nft.addRule(table, CHAIN, expressions, {
          mark,
          ...(userChain === undefined ? { first: true } : { after: userChain.handle }),
        });
      }),
  ];
}
