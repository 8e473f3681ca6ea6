import { contains, parseAddress, parseCidr } from "./address.ts";
import type { Address } from "./address.ts";
import { ambiguousNetwork, networkNotFound } from "./errors.ts";
import { AddressPool } from "./ipam.ts";
import type { NetworkRecords, NetworkRecord, SubnetRecord } from "./records.ts";

/** A network with the address pools of its subnets. */
export interface LiveNetwork {
  readonly record: NetworkRecord;
  readonly pools: ReadonlyArray<{ subnet: SubnetRecord; pool: AddressPool }>;
}

/** The networks by id and name, mirrored in the store. */
export class NetworkRegistry {
  readonly #records: NetworkRecords;
  readonly #byId = new Map<string, LiveNetwork>();

  constructor(records: NetworkRecords) {
    this.#records = records;
    for (const record of records.networks()) this.#byId.set(record.id, live(record));
  }

  all(): LiveNetwork[] {
    return [...this.#byId.values()];
  }

  records(): NetworkRecord[] {
    return this.all().map((network) => network.record);
  }

  byId(id: string): LiveNetwork | undefined {
    return this.#byId.get(id);
  }

  /** By full id, name, or the start of an id; undefined when there is none, or more than one. */
  lookUp(ref: string): LiveNetwork | undefined {
    const [first, ...more] = this.#matches(ref);
    return more.length === 0 ? first : undefined;
  }

  /** As `lookUp`. @throws not-found, invalid when ambiguous. */
  find(ref: string): LiveNetwork {
    const [first, ...more] = this.#matches(ref);
    if (first === undefined) throw networkNotFound(ref);
    if (more.length > 0) throw ambiguousNetwork(ref, more.length + 1);
    return first;
  }

  #matches(ref: string): LiveNetwork[] {
    const network = this.#byId.get(ref) ?? this.all().find((item) => item.record.name === ref);
    if (network !== undefined) return [network];
    return ref === "" ? [] : this.all().filter((item) => item.record.id.startsWith(ref));
  }

  /** Adds or replaces a network, durably. */
  save(record: NetworkRecord): LiveNetwork {
    this.#records.saveNetwork(record);
    const network = live(record);
    this.#byId.set(record.id, network);
    return network;
  }

  /** Forgets a network, durably; its bridge is still to be removed. */
  delete(record: NetworkRecord): void {
    this.#records.deleteNetwork(record);
    this.#byId.delete(record.id);
  }
}

function live(record: NetworkRecord): LiveNetwork {
  return {
    record,
    pools: record.subnets.flatMap((subnet) => {
      const parsed = parseCidr(subnet.subnet)?.subnet;
      if (parsed === undefined) return [];
      const range = subnet.ipRange === undefined ? undefined : parseCidr(subnet.ipRange)?.subnet;
      const pool = new AddressPool(parsed, range);
      for (const text of new Set([subnet.gateway, ...Object.values(subnet.auxiliary)])) {
        const address = parseAddress(text);
        if (address !== undefined) pool.take(address);
      }
      return [{ subnet, pool }];
    }),
  };
}

/** The pool of a network that an address belongs to. */
export function poolOf(network: LiveNetwork, address: Address): AddressPool | undefined {
  return network.pools.find(({ pool }) => contains(pool.subnet, address))?.pool;
}
