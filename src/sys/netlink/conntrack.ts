/** Connection tracking over nfnetlink (linux/netfilter/nfnetlink_conntrack.h): finding and forgetting connections. */
import { decodeAttributes, NLM_F_ACK, NLM_F_DUMP, request, u16be, u32 } from "./wire.ts";
import type { Attribute, Message, Request } from "./wire.ts";

const SUBSYSTEM = 1 << 8;
const NEW = SUBSYSTEM | 0;
const GET = SUBSYSTEM | 1;
const DELETE = SUBSYSTEM | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const CTA_FILTER = 25;
const FILTER_ORIG_FLAGS = 1;
const FILTER_REPLY_FLAGS = 2;
const FILTER_SOURCE = 1 << 0;
const FILTER_PROTOCOL = 1 << 3;
const FILTER_DESTINATION_PORT = 1 << 5;
const TUPLE_IP = 1;
const TUPLE_PROTO = 2;
const IP_V4_SRC = 1;
const IP_V4_DST = 2;
const IP_V6_SRC = 3;
const IP_V6_DST = 4;
const PROTO_NUM = 1;
const PROTO_DST_PORT = 3;
const NFGENMSG_SIZE = 4;
/** The tuple's bytes are attributes already: only the mark of nesting is missing. */
const NESTED = 0x8000;
const AF = { 4: 2, 6: 10 } as const;
const NONE = Buffer.alloc(0);

/** One direction of a connection: addresses in network order. */
export interface Flow {
  source: Buffer;
  destination: Buffer;
  protocol: number;
  /** Of TCP, UDP, SCTP; 0 for others. */
  destinationPort: number;
}

export interface TrackedConnection {
  family: 4 | 6;
  original: Flow;
  /** Behind a redirection its source is the target; behind a masquerade its destination is the host's address. */
  reply: Flow;
  /** The original direction as the kernel wrote it, by which the connection is deleted. */
  tuple: Buffer;
  id: Buffer;
}

/** What one direction must have. Kernels before 5.8 give every connection. */
export interface FlowFilter {
  direction: "original" | "reply";
  source?: Uint8Array;
  /** The protocol's number, of connections to that port. */
  service?: { protocol: number; destinationPort: number };
}

/** Every connection, or those of a filter: either is one walk over the kernel's whole table. */
export function listConnections(family: 4 | 6, filter?: FlowFilter): Request {
  const attributes = filter === undefined ? [] : filterAttributes(family, filter);
  return request("list connections", GET, NLM_F_DUMP, Buffer.from([AF[family], 0, 0, 0]), attributes);
}

function filterAttributes(family: 4 | 6, { direction, source, service }: FlowFilter): Attribute[] {
  const tuple: Attribute[] = [];
  if (source !== undefined) tuple.push([TUPLE_IP, [[family === 4 ? IP_V4_SRC : IP_V6_SRC, source]]]);
  if (service !== undefined)
    tuple.push([
      TUPLE_PROTO,
      [
        [PROTO_NUM, Buffer.from([service.protocol])],
        [PROTO_DST_PORT, u16be(service.destinationPort)],
      ],
    ]);
  const flags =
    (source === undefined ? 0 : FILTER_SOURCE) |
    (service === undefined ? 0 : FILTER_PROTOCOL | FILTER_DESTINATION_PORT);
  const isOriginal = direction === "original";
  return [
    [isOriginal ? CTA_TUPLE_ORIG : CTA_TUPLE_REPLY, tuple],
    [
      CTA_FILTER,
      [
        [FILTER_ORIG_FLAGS, u32(isOriginal ? flags : 0)],
        [FILTER_REPLY_FLAGS, u32(isOriginal ? 0 : flags)],
      ],
    ],
  ];
}

/** @param mention only those whose message holds one of these addresses are decoded: a table may have very many. */
export function connectionsOf(messages: readonly Message[], mention?: readonly Uint8Array[]): TrackedConnection[] {
  const found: TrackedConnection[] = [];
  for (const { type, payload } of messages) {
    if (type !== NEW || mention?.every((address) => !payload.includes(address)) === true) continue;
    const attributes = decodeAttributes(payload, NFGENMSG_SIZE);
    const tuple = attributes.get(CTA_TUPLE_ORIG);
    const id = attributes.get(CTA_ID);
    const original = flowOf(tuple);
    const reply = flowOf(attributes.get(CTA_TUPLE_REPLY));
    if (tuple === undefined || id === undefined || original === undefined || reply === undefined) continue;
    found.push({ family: payload[0] === AF[4] ? 4 : 6, original, reply, tuple, id });
  }
  return found;
}

function flowOf(tuple: Buffer | undefined): Flow | undefined {
  const parts = decodeAttributes(tuple ?? NONE);
  const ip = decodeAttributes(parts.get(TUPLE_IP) ?? NONE);
  const proto = decodeAttributes(parts.get(TUPLE_PROTO) ?? NONE);
  const source = ip.get(IP_V4_SRC) ?? ip.get(IP_V6_SRC);
  const destination = ip.get(IP_V4_DST) ?? ip.get(IP_V6_DST);
  const protocol = proto.get(PROTO_NUM)?.[0];
  if (source === undefined || destination === undefined || protocol === undefined) return undefined;
  return { source, destination, protocol, destinationPort: proto.get(PROTO_DST_PORT)?.readUInt16BE(0) ?? 0 };
}

/** Forgets one connection, by its original tuple and id; ENOENT when it has ended. */
export function deleteConnection(connection: TrackedConnection): Request {
  const header = Buffer.from([AF[connection.family], 0, 0, 0]);
  return request("delete connection", DELETE, NLM_F_ACK, header, [
    [CTA_TUPLE_ORIG | NESTED, connection.tuple],
    [CTA_ID, connection.id],
  ]);
}
