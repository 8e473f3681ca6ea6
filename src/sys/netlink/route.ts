/** Links, addresses, routes and neighbours: rtnetlink(7) requests, and readers of its answers. */
import { AF_INET, AF_INET6 } from "../constants.ts";
import {
  cstring,
  decodeAttributes,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  request,
  textOf,
  u16,
  u32,
  u8,
} from "./wire.ts";
import type { Attribute, Message, Request } from "./wire.ts";

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;

const IFF_UP = 1;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_AF_SPEC = 26;
const IFLA_NET_NS_FD = 28;
const IFLA_EXT_MASK = 29;
/** Leaves the counters out of answers: gathering them is most of a reading's time. */
const RTEXT_FILTER_SKIP_STATS = 8;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_MODE = 4;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const ADDR_GEN_MODE_NONE = 1;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RTN_UNICAST = 1;

const NDA_DST = 1;
const NDA_LLADDR = 2;
const NUD_STALE = 0x04;

const IFINFO_SIZE = 16;
const IFADDR_SIZE = 8;
const RTMSG_SIZE = 12;

function ifinfo(options: { family?: number; index?: number; up?: boolean } = {}): Buffer {
  const header = Buffer.alloc(IFINFO_SIZE);
  header[0] = options.family ?? 0;
  header.writeInt32LE(options.index ?? 0, 4);
  if (options.up !== undefined) {
    header.writeUInt32LE(options.up ? IFF_UP : 0, 8);
    header.writeUInt32LE(IFF_UP, 12);
  }
  return header;
}

const withoutCounters: Attribute = [IFLA_EXT_MASK, u32(RTEXT_FILTER_SKIP_STATS)];

const familyOf = (address: Uint8Array) => (address.length === 4 ? AF_INET : AF_INET6);

/**
 * A veth pair: one end here, the other made inside another namespace. Indexes are given, so that what follows needs not
 * ask for them; EBUSY or EEXIST when one is taken. The kernel heeds the peer's only when both are given.
 */
export function addVeth(pair: {
  name: string;
  index: number;
  mtu: number;
  peer: { name: string; index: number; netnsFd: number; mac: Uint8Array };
}): Request {
  const peer = Buffer.concat([
    ifinfo({ index: pair.peer.index }),
    attributeBytes([
      [IFLA_IFNAME, cstring(pair.peer.name)],
      [IFLA_MTU, u32(pair.mtu)],
      [IFLA_ADDRESS, pair.peer.mac],
      [IFLA_NET_NS_FD, u32(pair.peer.netnsFd)],
    ]),
  ]);
  const info: Attribute = [
    IFLA_LINKINFO,
    [
      [IFLA_INFO_KIND, Buffer.from("veth")],
      [IFLA_INFO_DATA, [[VETH_INFO_PEER, peer]]],
    ],
  ];
  return request(
    `add link ${pair.name}`,
    RTM_NEWLINK,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    ifinfo({ index: pair.index }),
    [[IFLA_IFNAME, cstring(pair.name)], [IFLA_MTU, u32(pair.mtu)], info],
  );
}

function attributeBytes(attributes: readonly Attribute[]): Buffer {
  return request("", 0, 0, Buffer.alloc(0), attributes).bytes.subarray(16);
}

/** A bridge. A set address keeps it from taking the lowest of its ports', which would change as ports come and go. */
export function addBridge(name: string, mac: Uint8Array, mtu: number): Request {
  return request(`add bridge ${name}`, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, ifinfo(), [
    [IFLA_IFNAME, cstring(name)],
    [IFLA_ADDRESS, mac],
    [IFLA_MTU, u32(mtu)],
    [IFLA_LINKINFO, [[IFLA_INFO_KIND, Buffer.from("bridge")]]],
  ]);
}

/** Changes a link by index, or by name when `link` is text. */
export function setLink(
  link: number | string,
  change: { up?: boolean; master?: number; mtu?: number; noLinkLocal?: boolean },
): Request {
  const byName = typeof link === "string";
  const attributes: Attribute[] = [];
  if (byName) attributes.push([IFLA_IFNAME, cstring(link)]);
  if (change.master !== undefined) attributes.push([IFLA_MASTER, u32(change.master)]);
  if (change.mtu !== undefined) attributes.push([IFLA_MTU, u32(change.mtu)]);
  if (change.noLinkLocal === true)
    attributes.push([IFLA_AF_SPEC, [[AF_INET6, [[IFLA_INET6_ADDR_GEN_MODE, u8(ADDR_GEN_MODE_NONE)]]]]]);
  const header = ifinfo({
    ...(byName ? {} : { index: link }),
    ...(change.up === undefined ? {} : { up: change.up }),
  });
  return request(`set link ${link}`, RTM_SETLINK, NLM_F_ACK, header, attributes);
}

/** Lets a bridge port send frames back to where they came from: a container that uses its own published port. */
export function setHairpin(name: string): Request {
  return request(`set hairpin of link ${name}`, RTM_NEWLINK, NLM_F_ACK, ifinfo(), [
    [IFLA_IFNAME, cstring(name)],
    [
      IFLA_LINKINFO,
      [
        [IFLA_INFO_SLAVE_KIND, cstring("bridge")],
        [IFLA_INFO_SLAVE_DATA, [[IFLA_BRPORT_MODE, u8(1)]]],
      ],
    ],
  ]);
}

export function deleteLink(link: number | string): Request {
  const byName = typeof link === "string";
  return request(
    `delete link ${link}`,
    RTM_DELLINK,
    NLM_F_ACK,
    ifinfo(byName ? {} : { index: link }),
    byName ? [[IFLA_IFNAME, cstring(link)]] : [],
  );
}

export function getLink(link: number | string): Request {
  const byName = typeof link === "string";
  return request(`get link ${link}`, RTM_GETLINK, 0, ifinfo(byName ? {} : { index: link }), [
    ...(byName ? [[IFLA_IFNAME, cstring(link)] as const] : []),
    withoutCounters,
  ]);
}

export const listLinks = () => request("list links", RTM_GETLINK, NLM_F_DUMP, ifinfo(), [withoutCounters]);

export interface Link {
  index: number;
  name: string;
  up: boolean;
  mtu: number;
  master: number | undefined;
  /** `veth`, `bridge`, … or empty for a device without a kind. */
  kind: string;
  mac: Buffer;
}

/** Links among the messages of an answer. */
export function linksOf(messages: readonly Message[]): Link[] {
  return messages.filter((message) => message.type === RTM_NEWLINK).map(linkOf);
}

function linkOf({ payload }: Message): Link {
  const attributes = decodeAttributes(payload, IFINFO_SIZE);
  const info = attributes.get(IFLA_LINKINFO);
  return {
    index: payload.readInt32LE(4),
    name: textOf(attributes.get(IFLA_IFNAME)),
    up: (payload.readUInt32LE(8) & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.readUInt32LE(0) ?? 0,
    master: attributes.get(IFLA_MASTER)?.readUInt32LE(0),
    kind: info === undefined ? "" : textOf(decodeAttributes(info).get(IFLA_INFO_KIND)),
    mac: attributes.get(IFLA_ADDRESS) ?? Buffer.alloc(0),
  };
}

function ifaddr(index: number, address: Uint8Array, prefix: number): Buffer {
  const header = Buffer.alloc(IFADDR_SIZE);
  header[0] = familyOf(address);
  header[1] = prefix;
  header.writeUInt32LE(index, 4);
  return header;
}

/** Adds an address; one that is there already stays. IPv6 addresses skip duplicate detection: IPAM owns the subnet. */
export function addAddress(index: number, address: Uint8Array, prefix: number): Request {
  const attributes: Attribute[] = [
    [IFA_LOCAL, address],
    [IFA_ADDRESS, address],
  ];
  if (address.length === 4 && prefix < 31) attributes.push([IFA_BROADCAST, broadcastOf(address, prefix)]);
  if (address.length === 16) attributes.push([IFA_FLAGS, u32(IFA_F_NODAD)]);
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  return request(`add address to link ${index}`, RTM_NEWADDR, flags, ifaddr(index, address, prefix), attributes);
}

function broadcastOf(address: Uint8Array, prefix: number): Buffer {
  const value = Buffer.from(address).readUInt32BE(0);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE((value | (0xffffffff >>> prefix)) >>> 0);
  return bytes;
}

export function deleteAddress(index: number, address: Uint8Array, prefix: number): Request {
  return request(`delete address of link ${index}`, RTM_DELADDR, NLM_F_ACK, ifaddr(index, address, prefix), [
    [IFA_LOCAL, address],
  ]);
}

export const listAddresses = () => request("list addresses", RTM_GETADDR, NLM_F_DUMP, Buffer.alloc(IFADDR_SIZE));

export interface LinkAddress {
  index: number;
  address: Buffer;
  prefix: number;
}

export function addressesOf(messages: readonly Message[]): LinkAddress[] {
  return messages
    .filter((message) => message.type === RTM_NEWADDR)
    .map(({ payload }) => {
      const attributes = decodeAttributes(payload, IFADDR_SIZE);
      const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS) ?? Buffer.alloc(0);
      return { index: payload.readUInt32LE(4), address, prefix: payload[1] ?? 0 };
    });
}

function rtmsg(family: number, prefix: number): Buffer {
  const header = Buffer.alloc(RTMSG_SIZE);
  header.set([family, prefix, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST]);
  return header;
}

/** The default route of that family, in place of the one that is there. */
export function setDefaultRoute(gateway: Uint8Array, index: number): Request {
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  return request("set default route", RTM_NEWROUTE, flags, rtmsg(familyOf(gateway), 0), [
    [RTA_GATEWAY, gateway],
    [RTA_OIF, u32(index)],
  ]);
}

export function deleteDefaultRoute(family: 4 | 6): Request {
  return request("delete default route", RTM_DELROUTE, NLM_F_ACK, rtmsg(family === 4 ? AF_INET : AF_INET6, 0));
}

export const listRoutes = () => request("list routes", RTM_GETROUTE, NLM_F_DUMP, Buffer.alloc(RTMSG_SIZE));

export interface Route {
  destination: Buffer;
  prefix: number;
  index: number | undefined;
}

/** Unicast routes of the main table, default routes left out. */
export function routesOf(messages: readonly Message[]): Route[] {
  const routes: Route[] = [];
  for (const { type, payload } of messages) {
    if (type !== RTM_NEWROUTE || payload[7] !== RTN_UNICAST) continue;
    const attributes = decodeAttributes(payload, RTMSG_SIZE);
    const table = attributes.get(RTA_TABLE)?.readUInt32LE(0) ?? payload[4];
    const destination = attributes.get(RTA_DST);
    if (table !== RT_TABLE_MAIN || destination === undefined) continue;
    routes.push({ destination, prefix: payload[1] ?? 0, index: attributes.get(RTA_OIF)?.readUInt32LE(0) });
  }
  return routes;
}

/** Tells this host an address's MAC, so that an older neighbour entry of the same address is forgotten. */
export function setNeighbour(index: number, address: Uint8Array, mac: Uint8Array): Request {
  const header = Buffer.alloc(12);
  header[0] = familyOf(address);
  header.writeInt32LE(index, 4);
  header.set(u16(NUD_STALE), 8);
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  return request(`set neighbour on link ${index}`, RTM_NEWNEIGH, flags, header, [
    [NDA_DST, address],
    [NDA_LLADDR, mac],
  ]);
}
