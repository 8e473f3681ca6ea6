import { contains, formatSubnet, lastOf, overlaps, parseCidr, subnetOf, subnetSize } from "./address.ts";
import type { Address, Family, Subnet } from "./address.ts";
import { addressesExhausted, addressInUse, poolsExhausted } from "./errors.ts";

/** The addresses of one subnet. Next-fit: a released address is the last to be given again. */
export class AddressPool {
  readonly subnet: Subnet;
  readonly range: Subnet;
  readonly #used = new Set<bigint>();
  #next: bigint;

  /** @param range the part of the subnet that unnamed addresses come from. */
  constructor(subnet: Subnet, range: Subnet = subnet) {
    this.subnet = subnet;
    this.range = range;
    this.#next = range.base;
    // IPv4 keeps its first and last address for the network and broadcast, except in /31 and /32 (RFC 3021).
    if (subnet.family === 6) this.#used.add(subnet.base);
    else if (subnetSize(subnet) > 2n) {
      this.#used.add(subnet.base);
      this.#used.add(lastOf(subnet));
    }
  }

  /** Takes that address. @throws conflict `Address already in use`. */
  take(address: Address): void {
    if (this.#used.has(address.value)) throw addressInUse();
    this.#used.add(address.value);
  }

  /** Takes the next free address of the range. @throws unknown when there is none. */
  next(): Address {
    const end = lastOf(this.range);
    const size = subnetSize(this.range);
    let candidate = this.#next;
    // Among used + 1 candidates one is free, or the range is full.
    const limit = BigInt(this.#used.size) + 1n;
    for (let tried = 0n; tried < size && tried < limit; tried++) {
      if (candidate > end || candidate < this.range.base) candidate = this.range.base;
      if (!this.#used.has(candidate)) {
        this.#used.add(candidate);
        this.#next = candidate + 1n;
        return { family: this.subnet.family, value: candidate };
      }
      candidate++;
    }
    throw addressesExhausted();
  }

  release(address: Address): void {
    this.#used.delete(address.value);
  }
}

/**
 * The first subnet of the pools of that family that touches none of those in use: by networks, or by the host's routes (another engine's
 * bridges among them). @throws invalid when all are in use.
 */
export function chooseSubnet(
  family: Family,
  pools: ReadonlyArray<{ base: string; size: number }>,
  inUse: readonly Subnet[],
): Subnet {
  for (const pool of pools) {
    const base = parseCidr(pool.base)?.subnet;
    if (base?.family !== family || pool.size < base.prefix) continue;
    const step = subnetSize(subnetOf({ family: base.family, value: base.base }, pool.size));
    for (let at = base.base; at <= lastOf(base); at += step) {
      const candidate: Subnet = { family: base.family, base: at, prefix: pool.size };
      const obstacle = inUse.find((subnet) => overlaps(subnet, candidate));
      if (obstacle === undefined) return candidate;
      // Jump over an obstacle larger than a step.
      while (at + step <= lastOf(obstacle) && at + step <= lastOf(base)) at += step;
    }
  }
  throw poolsExhausted();
}

/** What is wrong with one IPAM configuration of a create request; empty when nothing. */
export function subnetProblems(config: { Subnet?: string; IPRange?: string }): string[] {
  const subnet = parseCidr(config.Subnet ?? "");
  if (subnet === undefined) return [`invalid subnet ${config.Subnet ?? ""}: invalid CIDR block notation`];
  const problems: string[] = [];
  if (subnet.address.value !== subnet.subnet.base)
    problems.push(`invalid subnet ${config.Subnet}: it should be ${formatSubnet(subnet.subnet)}`);
  if (config.IPRange === undefined || config.IPRange === "") return problems;
  const range = parseCidr(config.IPRange);
  if (range === undefined) problems.push(`invalid ip-range ${config.IPRange}: invalid CIDR block notation`);
  else {
    if (range.address.value !== range.subnet.base)
      problems.push(`invalid ip-range ${config.IPRange}: it should be ${formatSubnet(range.subnet)}`);
    if (!contains(subnet.subnet, range.address) || range.subnet.prefix < subnet.subnet.prefix)
      problems.push(`invalid ip-range ${config.IPRange}: parent subnet ${config.Subnet} doesn't contain ip-range`);
  }
  return problems;
}
