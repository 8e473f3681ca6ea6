import { addressBytes, formatAddress, parseAddress } from "../../address.ts";
import type { EndpointRecord, NetworkRecord, SandboxRecord } from "../../records.ts";
import { isUserDefined } from "../../sandbox-files.ts";

/** What containers may know of each other: those on a user-defined network with the asker, by names on that network. */
export class ContainerNames {
  readonly #sandboxes: ReadonlyMap<string, SandboxRecord>;
  readonly #networkOf: (id: string) => NetworkRecord | undefined;

  constructor(sandboxes: ReadonlyMap<string, SandboxRecord>, networkOf: (id: string) => NetworkRecord | undefined) {
    this.#sandboxes = sandboxes;
    this.#networkOf = networkOf;
  }

  /**
   * The addresses behind a name, in random order: an alias may be shared.
   * @returns undefined when no container has that name, empty when none has an address of that family.
   */
  lookup(asker: string, name: string, family: 4 | 6): Buffer[] | undefined {
    const sandbox = this.#sandboxes.get(asker);
    if (sandbox === undefined) return undefined;
    for (const own of sandbox.endpoints) {
      const network = this.#networkOf(own.network);
      if (network === undefined || !isUserDefined(network)) continue;
      const found = this.#named(network, own, name);
      if (found.length === 0) continue;
      const texts = found.map((endpoint) => (family === 4 ? endpoint.ipv4 : endpoint.ipv6));
      return shuffled(texts.flatMap((text) => bytesOf(text)));
    }
    return undefined;
  }

  #named(network: NetworkRecord, own: EndpointRecord, name: string): EndpointRecord[] {
    const suffix = `.${network.name.toLowerCase()}`;
    const plain = name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
    const wanted = linkTarget(own.asked.Links ?? [], plain) ?? plain;
    return this.#on(network)
      .filter(({ endpoint }) => endpoint.dnsNames.some((candidate) => candidate.toLowerCase() === wanted))
      .map(({ endpoint }) => endpoint);
  }

  /** `name.network` of the container with that address, when the asker shares the network. */
  reverse(asker: string, address: string): string | undefined {
    const parsed = parseAddress(address);
    if (parsed === undefined) return undefined;
    const text = formatAddress(parsed);
    for (const own of this.#sandboxes.get(asker)?.endpoints ?? []) {
      const network = this.#networkOf(own.network);
      if (network === undefined || !isUserDefined(network)) continue;
      const found = this.#on(network).find(({ endpoint }) => endpoint.ipv4 === text || endpoint.ipv6 === text);
      if (found !== undefined) return `${found.sandbox.request.name}.${network.name}`;
    }
    return undefined;
  }

  #on(network: NetworkRecord): Array<{ sandbox: SandboxRecord; endpoint: EndpointRecord }> {
    return [...this.#sandboxes.values()].flatMap((sandbox) =>
      sandbox.endpoints
        .filter((endpoint) => endpoint.network === network.id)
        .map((endpoint) => ({ sandbox, endpoint })),
    );
  }
}

/** `--link target:alias` on a user-defined network is an alias that only this container knows. */
function linkTarget(links: readonly string[], name: string): string | undefined {
  for (const link of links) {
    const [target = "", alias = target] = link.toLowerCase().split(":");
    if (alias === name) return target;
  }
  return undefined;
}

function bytesOf(text: string | undefined): Buffer[] {
  const address = text === undefined ? undefined : parseAddress(text);
  return address === undefined ? [] : [addressBytes(address)];
}

function shuffled<T>(list: readonly T[]): T[] {
  return list
    .map((item) => ({ item, at: Math.random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}
