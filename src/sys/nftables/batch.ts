/** nftables transactions: a batch of changes that the kernel makes together or not at all. */
import {
  cstring,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  request,
  u16be,
  u32be,
} from "../netlink/wire.ts";
import type { Attribute, Request } from "../netlink/wire.ts";
import { NFTA_DATA_VALUE, NFTA_LIST_ELEM } from "./expressions.ts";
import type { Expression } from "./expressions.ts";

const SUBSYSTEM = 10 << 8;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const NEWTABLE = 0;
const DELTABLE = 2;
const NEWCHAIN = 3;
const GETCHAIN = 4;
const NEWRULE = 6;
const GETRULE = 7;
const DELRULE = 8;
const NEWSET = 9;
const NEWSETELEM = 12;
const GETSETELEM = 13;
const DELSETELEM = 14;
const GETGEN = 16;

export const FAMILY = { ip: 2, inet: 1, ip6: 10 } as const;
export type TableFamily = keyof typeof FAMILY;
export interface Table {
  family: TableFamily;
  name: string;
}

const SET_MAP = 0x08;
const SET_CONCAT = 0x80;

function nfgenmsg(family: number, resource = 0): Buffer {
  return Buffer.concat([Buffer.from([family, 0]), u16be(resource)]);
}

/** A batch of the changes: pass what it gives to one `NetlinkSocket.request`. */
export function batch(changes: readonly Request[]): Request[] {
  const mark = (type: number) => request("nftables batch", type, 0, nfgenmsg(0, 10));
  return [mark(BATCH_BEGIN), ...changes, mark(BATCH_END)];
}

function change(what: string, type: number, flags: number, table: Table, attributes: readonly Attribute[]): Request {
  return request(what, SUBSYSTEM | type, flags | NLM_F_ACK, nfgenmsg(FAMILY[table.family]), attributes);
}

/** Makes the table unless it is there. */
export function addTable(table: Table): Request {
  return change(`add table ${table.name}`, NEWTABLE, NLM_F_CREATE, table, [[1, cstring(table.name)]]);
}

export function deleteTable(table: Table): Request {
  return change(`delete table ${table.name}`, DELTABLE, 0, table, [[1, cstring(table.name)]]);
}

export const HOOKS = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;

export interface BaseChain {
  type: "filter" | "nat";
  hook: keyof typeof HOOKS;
  priority: number;
}

/** A chain; with `base`, one that hangs on a hook, policy accept. */
export function addChain(table: Table, name: string, base?: BaseChain): Request {
  const attributes: Attribute[] = [
    [1, cstring(table.name)],
    [3, cstring(name)],
  ];
  if (base !== undefined) {
    attributes.push([
      4,
      [
        [1, u32be(HOOKS[base.hook])],
        [2, u32be(base.priority)],
      ],
    ]);
    attributes.push([7, cstring(base.type)]);
  }
  return change(`add chain ${name}`, NEWCHAIN, NLM_F_CREATE, table, attributes);
}

/** Removes all rules of a chain. */
export function flushChain(table: Table, name: string): Request {
  return change(`flush chain ${name}`, DELRULE, 0, table, [
    [1, cstring(table.name)],
    [2, cstring(name)],
  ]);
}

export interface RulePlace {
  /** The rule with this handle is right before the new one; without it, `first` or at the end. */
  after?: bigint;
  first?: boolean;
  /** Kept with the rule by the kernel and given back in listings. */
  mark?: string;
}

export function addRule(
  table: Table,
  chain: string,
  expressions: readonly Expression[],
  place: RulePlace = {},
): Request {
  const attributes: Attribute[] = [
    [1, cstring(table.name)],
    [2, cstring(chain)],
    [4, expressions],
  ];
  if (place.after !== undefined) attributes.push([6, u64be(place.after)]);
  if (place.mark !== undefined) attributes.push([7, commentData(place.mark)]);
  const flags = NLM_F_CREATE | (place.first === true ? 0 : NLM_F_APPEND);
  return change(`add rule to ${chain}`, NEWRULE, flags, table, attributes);
}

export function deleteRule(table: Table, chain: string, handle: bigint): Request {
  return change(`delete rule of ${chain}`, DELRULE, 0, table, [
    [1, cstring(table.name)],
    [2, cstring(chain)],
    [3, u64be(handle)],
  ]);
}

/** nft and iptables-nft read a rule's user data as type, length, value; type 0 is the comment that they show. */
export function commentData(text: string): Buffer {
  const value = cstring(text);
  return Buffer.concat([Buffer.from([0, value.length]), value]);
}

/** A field's length in bytes and the type number that the nft program shows it by. */
export interface Field {
  length: number;
  type: number;
}
export const FIELDS = {
  ipv4: { length: 4, type: 7 },
  ipv6: { length: 16, type: 8 },
  protocol: { length: 1, type: 12 },
  port: { length: 2, type: 13 },
  interface: { length: 16, type: 41 },
} as const satisfies Record<string, Field>;

const padded = (field: Field) => (field.length + 3) & ~3;
const sizeOf = (fields: readonly Field[]) =>
  fields.length === 1 ? (fields[0]?.length ?? 0) : fields.reduce((sum, field) => sum + padded(field), 0);
/** nft packs the types of a concatenation six bits each. */
const typeOf = (fields: readonly Field[]) => fields.reduce((sum, field) => (sum << 6) | field.type, 0);

/** A named set, or a map when `data` is given. */
export function addSet(table: Table, name: string, key: readonly Field[], data?: readonly Field[], id = 1): Request {
  const attributes: Attribute[] = [
    [1, cstring(table.name)],
    [2, cstring(name)],
    [3, u32be((data === undefined ? 0 : SET_MAP) | (key.length > 1 ? SET_CONCAT : 0))],
    [4, u32be(typeOf(key))],
    [5, u32be(sizeOf(key))],
  ];
  if (data !== undefined) {
    attributes.push([6, u32be(typeOf(data))]);
    attributes.push([7, u32be(sizeOf(data))]);
  }
  if (key.length > 1) {
    const fields: Attribute[] = key.map((field) => [NFTA_LIST_ELEM, [[1, u32be(field.length)]]]);
    attributes.push([9, [[2, fields]]]);
  }
  attributes.push([10, u32be(id)]);
  // Only for the nft program, which else shows interface names backwards: NFTNL_UDATA_SET_KEYBYTEORDER, host order.
  if (key.length === 1 && key[0]?.type === FIELDS.interface.type)
    attributes.push([13, Buffer.from([0, 4, 1, 0, 0, 0])]);
  return change(`add set ${name}`, NEWSET, NLM_F_CREATE, table, attributes);
}

export interface Element {
  key: Uint8Array;
  data?: Uint8Array;
}

/** Adds elements; one whose key is there already is an EEXIST when `exclusive`. */
export function addElements(table: Table, set: string, elements: readonly Element[], exclusive = false): Request {
  const flags = NLM_F_CREATE | (exclusive ? NLM_F_EXCL : 0);
  return change(`add elements to ${set}`, NEWSETELEM, flags, table, elementList(table, set, elements));
}

export function deleteElements(table: Table, set: string, elements: readonly Element[]): Request {
  return change(`delete elements of ${set}`, DELSETELEM, 0, table, elementList(table, set, elements));
}

/** Removes all elements of a set. */
export function flushSet(table: Table, set: string): Request {
  return change(`flush set ${set}`, DELSETELEM, 0, table, [
    [1, cstring(table.name)],
    [2, cstring(set)],
  ]);
}

function elementList(table: Table, set: string, elements: readonly Element[]): Attribute[] {
  const list = elements.map(({ key, data }): Attribute => {
    const parts: Attribute[] = [[1, [[NFTA_DATA_VALUE, key]]]];
    if (data !== undefined) parts.push([2, [[NFTA_DATA_VALUE, data]]]);
    return [NFTA_LIST_ELEM, parts];
  });
  return [
    [1, cstring(table.name)],
    [2, cstring(set)],
    [3, list],
  ];
}

/** A key or value of several fields: each padded to four bytes. */
export function concatenate(...fields: readonly Uint8Array[]): Buffer {
  return Buffer.concat(
    fields.map((field) => Buffer.concat([field, Buffer.alloc(((field.length + 3) & ~3) - field.length)])),
  );
}

export const listChains = (family: TableFamily) =>
  request("list chains", SUBSYSTEM | GETCHAIN, NLM_F_DUMP, nfgenmsg(FAMILY[family]));

/** The rules of a chain, or of the whole table; without the table there are none. */
export function listRules(table: Table, chain?: string): Request {
  return request(
    `list rules of ${chain ?? table.name}`,
    SUBSYSTEM | GETRULE,
    NLM_F_DUMP,
    nfgenmsg(FAMILY[table.family]),
    [[1, cstring(table.name)], ...(chain === undefined ? [] : [[2, cstring(chain)] as const])],
  );
}

/** The elements of a set; ENOENT without it. */
export function listElements(table: Table, set: string): Request {
  return request(`list elements of ${set}`, SUBSYSTEM | GETSETELEM, NLM_F_DUMP, nfgenmsg(FAMILY[table.family]), [
    [1, cstring(table.name)],
    [2, cstring(set)],
  ]);
}

/** Asks for the number of the ruleset's generation: it changes with every transaction of whomever. */
export const getGeneration = () => request("get generation", SUBSYSTEM | GETGEN, 0, nfgenmsg(0));

function u64be(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(value);
  return bytes;
}
