/** nftables expressions as rules carry them (linux/netfilter/nf_tables.h). Register 1 holds what is compared. */
import { cstring, u32be, u8 } from "../netlink/wire.ts";
import type { Attribute } from "../netlink/wire.ts";

const NFTA_EXPR_NAME = 1;
const NFTA_EXPR_DATA = 2;
export const NFTA_LIST_ELEM = 1;
export const NFTA_DATA_VALUE = 1;
export const NFTA_DATA_VERDICT = 2;
const NFTA_VERDICT_CODE = 1;
const NFTA_VERDICT_CHAIN = 2;

const REG_VERDICT = 0;
/** The first 16-byte register, which is the first four of the 4-byte ones. */
const REG_1 = 1;
const REG32_00 = 8;
const INTERFACE_NAME_SIZE = 16;

export type Expression = Attribute;

function expression(name: string, attributes: readonly Attribute[]): Expression {
  return [
    NFTA_LIST_ELEM,
    [
      [NFTA_EXPR_NAME, cstring(name)],
      [NFTA_EXPR_DATA, attributes],
    ],
  ];
}

/** The register that begins `words` 4-byte words into register 1: keys of several fields lie one after another. */
const wordRegister = (words: number) => u32be(words === 0 ? REG_1 : REG32_00 + words);

const META_KEYS = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const;
const META_DREG = 1;
const META_KEY = 2;

export function meta(key: keyof typeof META_KEYS, word = 0): Expression {
  return expression("meta", [
    [META_KEY, u32be(META_KEYS[key])],
    [META_DREG, wordRegister(word)],
  ]);
}

const PAYLOAD_BASE = { network: 1, transport: 2 } as const;

export function payload(base: keyof typeof PAYLOAD_BASE, offset: number, length: number, word = 0): Expression {
  return expression("payload", [
    [1, wordRegister(word)],
    [2, u32be(PAYLOAD_BASE[base])],
    [3, u32be(offset)],
    [4, u32be(length)],
  ]);
}

const CMP_EQ = 0;
const CMP_NEQ = 1;

/** Register 1 against bytes. */
export function compare(value: Uint8Array, negate = false): Expression {
  return expression("cmp", [
    [1, u32be(REG_1)],
    [2, u32be(negate ? CMP_NEQ : CMP_EQ)],
    [3, [[NFTA_DATA_VALUE, value]]],
  ]);
}

/** Keeps the masked bits of register 1. */
export function mask(bits: Uint8Array): Expression {
  return expression("bitwise", [
    [1, u32be(REG_1)],
    [2, u32be(REG_1)],
    [3, u32be(bits.length)],
    [4, [[NFTA_DATA_VALUE, bits]]],
    [5, [[NFTA_DATA_VALUE, Buffer.alloc(bits.length)]]],
  ]);
}

/** Looks register 1 up in a set; with `into`, puts what a map holds there into register 1. */
export function lookup(set: string, options: { negate?: boolean; map?: boolean } = {}): Expression {
  const attributes: Attribute[] = [
    [1, cstring(set)],
    [2, u32be(REG_1)],
  ];
  if (options.map === true) attributes.push([3, u32be(REG_1)]);
  if (options.negate === true) attributes.push([5, u32be(1)]);
  return expression("lookup", attributes);
}

const VERDICTS = { drop: 0, accept: 1, jump: -3, return: -5 } as const;

export function verdict(name: Exclude<keyof typeof VERDICTS, "jump">): Expression {
  return immediateVerdict([[NFTA_VERDICT_CODE, u32be(VERDICTS[name])]]);
}

export function jump(chain: string): Expression {
  return immediateVerdict([
    [NFTA_VERDICT_CODE, u32be(VERDICTS.jump)],
    [NFTA_VERDICT_CHAIN, cstring(chain)],
  ]);
}

function immediateVerdict(attributes: readonly Attribute[]): Expression {
  return expression("immediate", [
    [1, u32be(REG_VERDICT)],
    [2, [[NFTA_DATA_VERDICT, attributes]]],
  ]);
}

/** Puts bytes into register 1. */
export function immediate(value: Uint8Array, word = 0): Expression {
  return expression("immediate", [
    [1, wordRegister(word)],
    [2, [[NFTA_DATA_VALUE, value]]],
  ]);
}

const NAT_DNAT = 1;
const NF_NAT_RANGE_MAP_IPS = 1;
const NF_NAT_RANGE_PROTO_SPECIFIED = 2;

/** Destination from register 1: the address in its first word(s), the port in the one after. */
export function dnat(family: 4 | 6): Expression {
  return expression("nat", [
    [1, u32be(NAT_DNAT)],
    [2, u32be(family === 4 ? 2 : 10)],
    [3, u32be(REG_1)],
    [5, wordRegister(family === 4 ? 1 : 4)],
    [7, u32be(NF_NAT_RANGE_MAP_IPS | NF_NAT_RANGE_PROTO_SPECIFIED)],
  ]);
}

export const masquerade = () => expression("masq", []);

const CT_KEYS = { state: 0, status: 2 } as const;
/** NF_CT_STATE_BIT of related (2) and established (1); replies count as established. */
const CT_ESTABLISHED_RELATED = 0x02 | 0x04;
const CT_STATUS_DNAT = 0x20;

const hostOrder = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

function conntrack(key: keyof typeof CT_KEYS, bits: number): Expression[] {
  const load = expression("ct", [
    [2, u32be(CT_KEYS[key])],
    [1, u32be(REG_1)],
  ]);
  return [load, mask(hostOrder(bits)), compare(Buffer.alloc(4), true)];
}

export const established = () => conntrack("state", CT_ESTABLISHED_RELATED);
export const translated = () => conntrack("status", CT_STATUS_DNAT);

const FIB_RESULT_ADDRTYPE = 3;
const FIB_DADDR = 2;
const RTN_LOCAL = 2;

/** The packet is addressed to this host. */
export function toLocalAddress(): Expression[] {
  const load = expression("fib", [
    [1, u32be(REG_1)],
    [2, u32be(FIB_RESULT_ADDRTYPE)],
    [3, u32be(FIB_DADDR)],
  ]);
  return [load, compare(hostOrder(RTN_LOCAL))];
}

/** An interface name as keys and comparisons hold it: 16 bytes, NUL-padded. */
export function interfaceName(name: string): Buffer {
  const bytes = Buffer.alloc(INTERFACE_NAME_SIZE);
  bytes.write(name, 0, INTERFACE_NAME_SIZE - 1);
  return bytes;
}

export const interfaceIs = (which: "iifname" | "oifname", name: string, negate = false) => [
  meta(which),
  compare(interfaceName(name), negate),
];

const NFPROTO = { 4: 2, 6: 10 } as const;

/** In an `inet` table: packets of that family only. */
export const familyIs = (family: 4 | 6) => [meta("nfproto"), compare(u8(NFPROTO[family]))];

/** The network layer's source or destination address, compared beneath a prefix. */
export function addressWithin(
  side: "source" | "destination",
  base: Uint8Array,
  prefix: number,
  negate = false,
): Expression[] {
  const family = base.length === 4 ? 4 : 6;
  const bits = Buffer.alloc(base.length);
  for (let bit = 0; bit < prefix; bit++) bits[bit >> 3] = (bits[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return [
    ...familyIs(family),
    payload("network", ADDRESS_OFFSET[family][side], base.length),
    mask(bits),
    compare(base, negate),
  ];
}

export const ADDRESS_OFFSET = {
  4: { source: 12, destination: 16 },
  6: { source: 8, destination: 24 },
} as const;
