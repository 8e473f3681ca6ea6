import { errnoOf } from "../../base/index.ts";
import { NETLINK_NETFILTER, NetlinkSocket, nft } from "../../sys/index.ts";
import type { Native, Request } from "../../sys/index.ts";
import { noPacketFilter } from "../errors.ts";
import { addressBytes, parseAddress } from "../address.ts";
import type { Address } from "../address.ts";
import { CHAINS, elementsFor, rulesFor, SETS } from "./rules.ts";
import type { ChainName, FirewalledBridge } from "./rules.ts";

/** A published port as the packet filter sees it. */
export interface PortForward {
  protocol: Protocol;
  hostAddress: string;
  hostPort: number;
  target: Address;
  targetPort: number;
}

const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;
export type Protocol = keyof typeof PROTOCOLS;

/** A port of one container that another one may reach, on a bridge whose containers may not talk otherwise. */
export interface LinkedPort {
  from: Address;
  to: Address;
  protocol: Protocol;
  port: number;
}

/** What comes and goes with containers. */
export interface OpenPorts {
  published: readonly PortForward[];
  linked: readonly LinkedPort[];
}

/** The own table: each method is one transaction, done by the kernel entirely or not at all. */
export interface Firewall extends Disposable {
  /** Replaces the table, whatever it held. */
  replace(bridges: readonly FirewalledBridge[], ports: OpenPorts): Promise<void>;
  /** Fits the rules to these bridges; open ports stay. */
  update(bridges: readonly FirewalledBridge[]): Promise<void>;
  publish(ports: readonly PortForward[]): Promise<void>;
  withdraw(ports: readonly PortForward[]): Promise<void>;
  /** Opens these between containers, and no others any more. */
  link(ports: readonly LinkedPort[]): Promise<void>;
  /** False once somebody else has taken rules of the table away, or elements of what they read. */
  stands(bridges: readonly FirewalledBridge[], ports: OpenPorts): Promise<boolean>;
  /** A number that is another one after any change to the host's rules, by whomever. */
  generation(): Promise<number>;
  /** Removes the table. */
  remove(): Promise<void>;
}

/** For `--iptables=false`. */
export const noFirewall: Firewall = {
  replace: async () => {},
  update: async () => {},
  publish: async () => {},
  withdraw: async () => {},
  link: async () => {},
  stands: async () => true,
  generation: async () => 0,
  remove: async () => {},
  [Symbol.dispose]: () => {},
};

/** @throws unavailable when the kernel has no netfilter. */
export function openFirewall(native: Native, name: string): Firewall {
  const table: nft.Table = { family: "inet", name };
  const socket = openSocket(native);
  const commit = async (changes: Request[]) => {
    if (changes.length > 0) await socket.request(nft.batch(changes));
  };
  const holds = async (set: string, list: readonly nft.Element[]) => {
    if (list.length === 0) return true;
    const keys = new Set(nft.keysOf(await socket.request([nft.listElements(table, set)])).map(hex));
    return list.every(({ key }) => keys.has(hex(key)));
  };
  /** A table that was flushed by somebody else has nothing that should go. */
  const unlessGone = async (change: Promise<void>) => {
    try {
      await change;
    } catch (error) {
      if (errnoOf(error) !== "ENOENT") throw error;
    }
  };
  let linked = new Map<string, nft.Element>();
  return {
    replace: async (bridges, { published, linked: between }) => {
      const links = linkElements(between);
      const whole = commit([
        // Made first, so that deleting it cannot fail.
        nft.addTable(table),
        nft.deleteTable(table),
        nft.addTable(table),
        ...Object.entries(SETS).map(([set, of], index) =>
          nft.addSet(table, set, of.key, "data" in of ? of.data : undefined, index + 1),
        ),
        ...Object.entries(CHAINS).map(([chain, base]) => nft.addChain(table, chain, base)),
        ...contents(table, bridges),
        ...elements(published, (set, list) => nft.addElements(table, set, list)),
        ...(links.size > 0 ? [nft.addElements(table, "linked", [...links.values()])] : []),
      ]);
      // What a kernel lacks shows with the first table.
      await whole.catch((error: unknown) => Promise.reject(noPacketFilter(error)));
      linked = links;
    },
    update: async (bridges) => {
      await commit([
        ...(Object.keys(CHAINS) as ChainName[]).map((chain) => nft.flushChain(table, chain)), // keys of the table above
        ...["bridges", "internal", "same"].map((set) => nft.flushSet(table, set)),
        ...contents(table, bridges),
      ]);
    },
    publish: (ports) => commit(elements(ports, (set, list) => nft.addElements(table, set, list, true))),
    withdraw: (ports) => unlessGone(commit(elements(ports, (set, list) => nft.deleteElements(table, set, list)))),
    link: async (ports) => {
      const wanted = linkElements(ports);
      const closed = [...linked].flatMap(([key, element]) => (wanted.has(key) ? [] : [element]));
      const opened = [...wanted].flatMap(([key, element]) => (linked.has(key) ? [] : [element]));
      if (closed.length > 0) await unlessGone(commit([nft.deleteElements(table, "linked", closed)]));
      if (opened.length > 0) await commit([nft.addElements(table, "linked", opened)]);
      linked = wanted;
    },
    stands: async (bridges, { published, linked: between }) => {
      const listed = await socket.request([nft.listRules(table)]);
      const hasRules = Object.entries(rulesFor(bridges)).every(
        ([chain, rules]) => nft.rulesOf(listed, name, chain).length === rules.length,
      );
      if (!hasRules) return false;
      const links = [...linkElements(between).values()];
      const wanted = [...Object.entries(elementsFor(bridges)), ...portElements(published), ["linked", links] as const];
      for (const [set, list] of wanted) if (!(await holds(set, list))) return false;
      return true;
    },
    generation: async () => nft.generationOf(await socket.request([nft.getGeneration()])),
    remove: () => commit([nft.addTable(table), nft.deleteTable(table)]),
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}

function openSocket(native: Native): NetlinkSocket {
  try {
    return new NetlinkSocket(native, NETLINK_NETFILTER);
  } catch (error) {
    throw noPacketFilter(error);
  }
}

function contents(table: nft.Table, bridges: readonly FirewalledBridge[]): Request[] {
  const filled = Object.entries(elementsFor(bridges)).filter(([, list]) => list.length > 0);
  return [
    ...filled.map(([set, list]) => nft.addElements(table, set, list)),
    ...Object.entries(rulesFor(bridges)).flatMap(([chain, rules]) =>
      rules.map((rule) => nft.addRule(table, chain, rule)),
    ),
  ];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function linkElements(ports: readonly LinkedPort[]): Map<string, nft.Element> {
  return new Map(
    ports.map(({ from, to, protocol, port }) => {
      const service = [Buffer.from([PROTOCOLS[protocol]]), u16be(port)];
      const key = nft.concatenate(addressBytes(from), addressBytes(to), ...service);
      return [hex(key), { key }];
    }),
  );
}

function elements(ports: readonly PortForward[], change: (set: string, list: nft.Element[]) => Request): Request[] {
  return portElements(ports).map(([set, list]) => change(set, list));
}

function portElements(ports: readonly PortForward[]): Array<[set: string, list: nft.Element[]]> {
  const bySet = new Map<string, nft.Element[]>();
  for (const port of ports) {
    const { set, element } = elementOf(port);
    bySet.set(set, [...(bySet.get(set) ?? []), element]);
  }
  return [...bySet];
}

function elementOf(port: PortForward): { set: string; element: nft.Element } {
  const family = port.target.family;
  const service = [Buffer.from([PROTOCOLS[port.protocol]]), u16be(port.hostPort)];
  const data = nft.concatenate(addressBytes(port.target), u16be(port.targetPort));
  const host = parseAddress(port.hostAddress);
  if (host === undefined || host.value === 0n)
    return { set: `any${family}`, element: { key: nft.concatenate(...service), data } };
  return { set: `port${family}`, element: { key: nft.concatenate(addressBytes(host), ...service), data } };
}

function u16be(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
