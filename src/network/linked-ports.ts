import type { KeyedLock } from "../base/index.ts";
import { parseAddress } from "./address.ts";
import type { Address } from "./address.ts";
import type { Firewall, LinkedPort, Protocol } from "./firewall/firewall.ts";
import { RULES } from "./host.ts";
import type { SandboxRecord } from "./records.ts";
import type { NetworkRegistry } from "./registry.ts";

export interface LinkedPortsParts {
  registry: NetworkRegistry;
  sandboxes: ReadonlyMap<string, SandboxRecord>;
  firewall: Firewall;
  /** Of changes of rules. */
  turns: KeyedLock;
}

/**
 * What links open where containers may not talk to each other: on the default bridge with `icc` off, a container reaches
 * the exposed ports of those that it is linked to, as long as both are there. IPv4 alone, as with Docker.
 */
export class LinkedPorts {
  readonly #parts: LinkedPortsParts;

  constructor(parts: LinkedPortsParts) {
    this.#parts = parts;
  }

  /** After a container came or went: opens and closes what differs. @throws the packet filter's reason. */
  async update(): Promise<void> {
    if (this.#closedBridge() === undefined) return;
    using _turn = await this.#parts.turns.acquire(RULES);
    await this.#parts.firewall.link(this.all());
  }

  /** All that are to be open now. */
  all(): LinkedPort[] {
    const bridge = this.#closedBridge();
    if (bridge === undefined) return [];
    const plugged = [...this.#parts.sandboxes.values()].flatMap((sandbox) => {
      const text = sandbox.endpoints.find(({ network }) => network === bridge)?.ipv4;
      const address = text === undefined ? undefined : parseAddress(text);
      return address === undefined ? [] : [{ sandbox, address }];
    });
    return plugged.flatMap((from) =>
      targetsOf(from.sandbox, plugged).flatMap(({ sandbox, address: to }) =>
        exposedBy(sandbox).map((port) => ({ from: from.address, to, ...port })),
      ),
    );
  }

  /** The default bridge, if what is on it may not talk. */
  #closedBridge(): string | undefined {
    const bridge = this.#parts.registry.lookUp("bridge")?.record;
    return bridge === undefined || bridge.icc ? undefined : bridge.id;
  }
}

interface Plugged {
  readonly sandbox: SandboxRecord;
  readonly address: Address;
}

function targetsOf(from: SandboxRecord, plugged: readonly Plugged[]): Plugged[] {
  const names = new Set(from.request.links.map((link) => linkedName(link)));
  return plugged.filter(({ sandbox }) => sandbox !== from && names.has(sandbox.request.name));
}

/** Of `name:alias` the name. */
export function linkedName(link: string): string {
  return link.replace(/^\//, "").replace(/:.*$/, "");
}

function exposedBy({ request }: SandboxRecord): Array<{ protocol: Protocol; port: number }> {
  const keys = new Set([...request.exposed, ...Object.keys(request.ports)].map(withProtocol));
  return [...keys].flatMap((key) => {
    const [, port, protocol] = /^(\d+)\/(tcp|udp|sctp)$/.exec(key) ?? [];
    // The expression takes these three alone.
    return protocol === undefined ? [] : [{ protocol: protocol as Protocol, port: Number(port) }];
  });
}

const withProtocol = (key: string) => (key.includes("/") ? key : `${key}/tcp`);
