/** Connection tracking over nfnetlink (linux/netfilter/nfnetlink_conntrack.h): finding and forgetting connections. */
import { decodeAttributes, NLM_F_ACK, NLM_F_DUMP, request } from "./wire.ts";
import type { Message, Request } from "./wire.ts";

const SUBSYSTEM = 1 << 8;
const NEW = SUBSYSTEM | 0;
const GET = SUBSYSTEM | 1;
const DELETE = SUBSYSTEM | 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_ID = 12;
const TUPLE_IP = 1;
const TUPLE_PROTO = 2;
const IP_V4_SRC = 1;
const IP_V6_SRC = 3;
const PROTO_NUM = 1;
const NFGENMSG_SIZE = 4;
/** The tuple's bytes are attributes already: only the mark of nesting is missing. */
const NESTED = 0x8000;
const AF = { 4: 2, 6: 10 } as const;

export interface TrackedConnection {
  family: 4 | 6;
  protocol: number;
  /** Where replies come from: behind a redirection that is its target. */
  replySource: Buffer;
  original: Buffer;
  id: Buffer;
}

export const listConnections = (family: 4 | 6) =>
  request("list connections", GET, NLM_F_DUMP, Buffer.from([AF[family], 0, 0, 0]));

export function connectionsOf(messages: readonly Message[]): TrackedConnection[] {
  const found: TrackedConnection[] = [];
  for (const { type, payload } of messages) {
    if (type !== NEW) continue;
    const attributes = decodeAttributes(payload, NFGENMSG_SIZE);
    const original = attributes.get(CTA_TUPLE_ORIG);
    const id = attributes.get(CTA_ID);
    const reply = decodeAttributes(attributes.get(CTA_TUPLE_REPLY) ?? Buffer.alloc(0));
    const ip = decodeAttributes(reply.get(TUPLE_IP) ?? Buffer.alloc(0));
    const protocol = decodeAttributes(reply.get(TUPLE_PROTO) ?? Buffer.alloc(0)).get(PROTO_NUM)?.[0];
    const replySource = ip.get(IP_V4_SRC) ?? ip.get(IP_V6_SRC);
    if (original === undefined || id === undefined || replySource === undefined || protocol === undefined) continue;
    found.push({ family: payload[0] === AF[4] ? 4 : 6, protocol, replySource, original, id });
  }
  return found;
}

/** Forgets one connection, by its original tuple and id; ENOENT when it has ended. */
export function deleteConnection(connection: TrackedConnection): Request {
  const header = Buffer.from([AF[connection.family], 0, 0, 0]);
  return request("delete connection", DELETE, NLM_F_ACK, header, [
    [CTA_TUPLE_ORIG | NESTED, connection.original],
    [CTA_ID, connection.id],
  ]);
}
