/** Readers of nftables listings: as much of chains and rules as finding one's own place in a foreign table takes. */
import { decodeAttributes, listAttributes, textOf } from "../netlink/wire.ts";
import { NFTA_DATA_VALUE } from "./expressions.ts";
import type { Message } from "../netlink/wire.ts";

const NFGENMSG_SIZE = 4;
const SUBSYSTEM = 10 << 8;
const NEWCHAIN = SUBSYSTEM | 3;
const NEWRULE = SUBSYSTEM | 6;
const NEWSETELEM = SUBSYSTEM | 12;
const NEWGEN = SUBSYSTEM | 15;

export interface ListedChain {
  table: string;
  name: string;
}

export function chainsOf(messages: readonly Message[]): ListedChain[] {
  return messages
    .filter((message) => message.type === NEWCHAIN)
    .map(({ payload }) => {
      const attributes = decodeAttributes(payload, NFGENMSG_SIZE);
      return { table: textOf(attributes.get(1)), name: textOf(attributes.get(3)) };
    });
}

export interface ListedRule {
  handle: bigint;
  /** The comment in its user data, or empty. */
  mark: string;
  /** Chains that it jumps to. */
  jumps: string[];
}

/** The rules of that chain, in order: kernels before 5.15 list every chain when asked for one. */
export function rulesOf(messages: readonly Message[], table: string, chain: string): ListedRule[] {
  const rules: ListedRule[] = [];
  for (const { type, payload } of messages) {
    if (type !== NEWRULE) continue;
    const attributes = decodeAttributes(payload, NFGENMSG_SIZE);
    if (textOf(attributes.get(1)) !== table || textOf(attributes.get(2)) !== chain) continue;
    rules.push({
      handle: attributes.get(3)?.readBigUInt64BE(0) ?? 0n,
      mark: commentOf(attributes.get(7)),
      jumps: jumpsOf(attributes.get(4)),
    });
  }
  return rules;
}

/** The keys of the elements that `listElements` gave. */
export function keysOf(messages: readonly Message[]): Buffer[] {
  return messages
    .filter(({ type }) => type === NEWSETELEM)
    .flatMap(({ payload }) => listAttributes(decodeAttributes(payload, NFGENMSG_SIZE).get(3) ?? Buffer.alloc(0)))
    .flatMap(
      ([, element]) => decodeAttributes(decodeAttributes(element).get(1) ?? Buffer.alloc(0)).get(NFTA_DATA_VALUE) ?? [],
    );
}

/** The answer to `getGeneration`; 0 without one. */
export function generationOf(messages: readonly Message[]): number {
  const found = messages.find((message) => message.type === NEWGEN);
  return found === undefined ? 0 : (decodeAttributes(found.payload, NFGENMSG_SIZE).get(1)?.readUInt32BE(0) ?? 0);
}

function commentOf(data: Buffer | undefined): string {
  if (data === undefined) return "";
  for (let at = 0; at + 2 <= data.length;) {
    const length = data[at + 1] ?? 0;
    if (data[at] === 0) return textOf(data.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return "";
}

function jumpsOf(expressions: Buffer | undefined): string[] {
  if (expressions === undefined) return [];
  return listAttributes(expressions).flatMap(([, raw]) => {
    const expression = decodeAttributes(raw);
    const data = expression.get(2);
    if (textOf(expression.get(1)) !== "immediate" || data === undefined) return [];
    const value = decodeAttributes(data).get(2);
    const verdict = value === undefined ? undefined : decodeAttributes(value).get(2);
    const chain = verdict === undefined ? undefined : decodeAttributes(verdict).get(2);
    return chain === undefined ? [] : [textOf(chain)];
  });
}
