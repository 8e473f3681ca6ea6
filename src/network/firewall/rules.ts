/**
 * The rules of berth's own nftables table, as data computed from the networks. Chains:
 *
 *   raw-prerouting   containers cannot reach the host's loopback, which route_localnet would let them
 *   nat-prerouting   published ports, from outside; never to 127/8 from outside (CVE-2020-8558)
 *   nat-output       published ports, from the host itself; not those of [::1], whose packets stay on the loopback
 *   nat-postrouting  masquerade of what leaves a bridge; of what comes back to it by a published port; of loopback
 *   forward          isolation: into a bridge only replies, published ports, its own traffic when icc is on, and what
 *                    links open when it is off; out of an internal bridge nothing
 */
import { nft } from "../../sys/index.ts";
import { addressBytes } from "../address.ts";
import type { Subnet } from "../address.ts";

export interface FirewalledBridge {
  bridge: string;
  icc: boolean;
  masquerade: boolean;
  internal: boolean;
  subnets: readonly Subnet[];
}

export const SETS = {
  bridges: { key: [nft.FIELDS.interface] },
  internal: { key: [nft.FIELDS.interface] },
  same: { key: [nft.FIELDS.interface, nft.FIELDS.interface] },
  linked: { key: [nft.FIELDS.ipv4, nft.FIELDS.ipv4, nft.FIELDS.protocol, nft.FIELDS.port] },
  any4: { key: [nft.FIELDS.protocol, nft.FIELDS.port], data: [nft.FIELDS.ipv4, nft.FIELDS.port] },
  port4: { key: [nft.FIELDS.ipv4, nft.FIELDS.protocol, nft.FIELDS.port], data: [nft.FIELDS.ipv4, nft.FIELDS.port] },
  any6: { key: [nft.FIELDS.protocol, nft.FIELDS.port], data: [nft.FIELDS.ipv6, nft.FIELDS.port] },
  port6: { key: [nft.FIELDS.ipv6, nft.FIELDS.protocol, nft.FIELDS.port], data: [nft.FIELDS.ipv6, nft.FIELDS.port] },
} as const satisfies Record<string, { key: readonly nft.Field[]; data?: readonly nft.Field[] }>;

export const CHAINS = {
  "raw-prerouting": { type: "filter", hook: "prerouting", priority: -300 },
  "nat-prerouting": { type: "nat", hook: "prerouting", priority: -100 },
  "nat-output": { type: "nat", hook: "output", priority: -100 },
  "nat-postrouting": { type: "nat", hook: "postrouting", priority: 100 },
  forward: { type: "filter", hook: "forward", priority: 0 },
  "into-bridge": undefined,
  "out-of-internal": undefined,
} as const satisfies Record<string, nft.BaseChain | undefined>;

export type ChainName = keyof typeof CHAINS;
export type Rule = readonly nft.Expression[];

const LOOPBACK = Buffer.from([127, 0, 0, 0]);
const loopbackDestination = nft.addressWithin("destination", LOOPBACK, 8);
const LOOPBACK6 = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/** Every chain's rules for these bridges. */
export function rulesFor(bridges: readonly FirewalledBridge[]): Record<ChainName, Rule[]> {
  return {
    "raw-prerouting": [[nft.meta("iifname"), nft.lookup("bridges"), ...loopbackDestination, nft.verdict("drop")]],
    "nat-prerouting": [
      [...nft.interfaceIs("iifname", "lo", true), ...loopbackDestination, nft.verdict("return")],
      ...publishedPorts(),
    ],
    "nat-output": [[...nft.addressWithin("destination", LOOPBACK6, 128), nft.verdict("return")], ...publishedPorts()],
    "nat-postrouting": bridges.filter((bridge) => !bridge.internal).flatMap(sourceRules),
    forward: [
      [nft.meta("iifname"), nft.lookup("internal"), nft.jump("out-of-internal")],
      [nft.meta("oifname"), nft.lookup("bridges"), nft.jump("into-bridge")],
    ],
    "into-bridge": [
      [...withinOneBridge(), nft.verdict("accept")],
      [...linkedPort(), nft.verdict("accept")],
      [nft.meta("oifname"), nft.lookup("internal"), nft.verdict("drop")],
      [...nft.established(), nft.verdict("accept")],
      [...nft.translated(), nft.verdict("accept")],
      [nft.verdict("drop")],
    ],
    "out-of-internal": [[...withinOneBridge(), nft.verdict("accept")], [nft.verdict("drop")]],
  };
}

function withinOneBridge(): nft.Expression[] {
  return [nft.meta("iifname", 0), nft.meta("oifname", 4), nft.lookup("same")];
}

/** The two addresses are one field after the other. */
function linkedPort(): nft.Expression[] {
  return [
    ...nft.familyIs(4),
    nft.payload("network", nft.ADDRESS_OFFSET[4].source, 8),
    nft.meta("l4proto", 2),
    nft.payload("transport", 2, 2, 3),
    nft.lookup("linked"),
  ];
}

/** A port published on one address comes before one published on all. */
function publishedPorts(): Rule[] {
  return ([4, 6] as const).flatMap((family) => {
    const length = family === 4 ? 4 : 16;
    const words = length / 4;
    const target = [nft.lookup(`port${family}`, { map: true }), nft.dnat(family)];
    const anyTarget = [nft.lookup(`any${family}`, { map: true }), nft.dnat(family)];
    const destination = nft.payload("network", nft.ADDRESS_OFFSET[family].destination, length);
    return [
      [
        ...nft.familyIs(family),
        destination,
        nft.meta("l4proto", words),
        nft.payload("transport", 2, 2, words + 1),
        ...target,
      ],
      [
        ...nft.familyIs(family),
        ...nft.toLocalAddress(),
        nft.meta("l4proto", 0),
        nft.payload("transport", 2, 2, 1),
        ...anyTarget,
      ],
    ];
  });
}

function sourceRules(bridge: FirewalledBridge): Rule[] {
  const intoIt = nft.interfaceIs("oifname", bridge.bridge);
  const rules: Rule[] = [[...nft.addressWithin("source", LOOPBACK, 8), ...intoIt, nft.masquerade()]];
  for (const subnet of bridge.subnets) {
    const fromIt = nft.addressWithin(
      "source",
      addressBytes({ family: subnet.family, value: subnet.base }),
      subnet.prefix,
    );
    rules.push([...fromIt, ...intoIt, ...nft.translated(), nft.masquerade()]);
    if (bridge.masquerade)
      rules.push([...fromIt, ...nft.interfaceIs("oifname", bridge.bridge, true), nft.masquerade()]);
  }
  return rules;
}

/** The elements of the sets that the rules read, ports aside. */
export function elementsFor(
  bridges: readonly FirewalledBridge[],
): Record<"bridges" | "internal" | "same", nft.Element[]> {
  const name = (bridge: FirewalledBridge) => nft.interfaceName(bridge.bridge);
  return {
    bridges: bridges.map((bridge) => ({ key: name(bridge) })),
    internal: bridges.filter((bridge) => bridge.internal).map((bridge) => ({ key: name(bridge) })),
    same: bridges
      .filter((bridge) => bridge.icc)
      .map((bridge) => ({ key: nft.concatenate(name(bridge), name(bridge)) })),
  };
}
