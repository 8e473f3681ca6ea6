import { invalid } from "../../base/index.ts";
import { ALL_CAPABILITIES, type CapabilitySets } from "../../spec/index.ts";

const NUMBERS = new Map(ALL_CAPABILITIES.map((name, number) => [name, BigInt(number)]));

/** A set as bits. @throws invalid for a name that is no capability. */
export function capabilityMask(names: readonly string[]): bigint {
  return names.reduce((mask, name) => {
    const number = NUMBERS.get(name);
    if (number === undefined) throw invalid(`unknown capability "${name}"`);
    return mask | (1n << number);
  }, 0n);
}

export type CapabilityMasks = Record<keyof CapabilitySets, bigint>;

export function capabilityMasks(sets: CapabilitySets): CapabilityMasks {
  return {
    bounding: capabilityMask(sets.bounding),
    effective: capabilityMask(sets.effective),
    permitted: capabilityMask(sets.permitted),
    inheritable: capabilityMask(sets.inheritable),
    ambient: capabilityMask(sets.ambient),
  };
}
