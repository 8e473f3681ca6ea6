import { messageOf, shortId } from "../../base/index.ts";
import type { Logger } from "../../base/index.ts";
import type { Publishing } from "../publishing.ts";
import type { NetworkRecord, SandboxRecord } from "../records.ts";
import type { SandboxFiles } from "../sandbox-files.ts";
import type { Netd, NetdEntry, Relay } from "./types.ts";

interface ServingParts {
  netd: Netd;
  files: SandboxFiles;
  publishing: Publishing;
  networkOf: (id: string) => NetworkRecord | undefined;
  logger: Logger;
}

/** Which sandboxes netd serves, and with what. */
export class Serving {
  readonly #parts: ServingParts;
  readonly #served = new Set<string>();

  constructor(parts: ServingParts) {
    this.#parts = parts;
  }

  /**
   * Fits what is served to the sandbox. Names are answered when this returns; a relay's clients wait for it anyway.
   * @param fresh the sandbox's namespace is new.
   * @throws unavailable when its names cannot be served.
   */
  async update(sandbox: SandboxRecord, fresh: boolean): Promise<void> {
    const entry = this.#entry(sandbox);
    if (entry === undefined) return await this.drop(sandbox.container);
    this.#served.add(sandbox.container);
    const done = this.#parts.netd.put(entry, fresh);
    if (this.#parts.files.needsNameServer(sandbox)) return await done;
    done.catch((error: unknown) =>
      this.#parts.logger.warn("ports of a container are not relayed", {
        container: shortId(sandbox.container),
        error: messageOf(error),
      }),
    );
  }

  /** Closes what is open for a container; idempotent. */
  async drop(container: string): Promise<void> {
    if (this.#served.delete(container)) await this.#parts.netd.drop(container);
  }

  /** After a restart: what is served is what these need. */
  async resume(sandboxes: Iterable<SandboxRecord>): Promise<void> {
    const entries = [...sandboxes].flatMap((sandbox) => this.#entry(sandbox) ?? []);
    for (const { sandbox } of entries) this.#served.add(sandbox.container);
    await this.#parts.netd.sync(entries);
  }

  /** Undefined for a sandbox that needs nothing. */
  #entry(sandbox: SandboxRecord): NetdEntry | undefined {
    const relays = this.#relays(sandbox);
    if (relays.length === 0 && !this.#parts.files.needsNameServer(sandbox)) return undefined;
    const networks = sandbox.endpoints.flatMap((endpoint) => this.#parts.networkOf(endpoint.network) ?? []);
    return { sandbox, networks, relays };
  }

  #relays(sandbox: SandboxRecord): Relay[] {
    const gateway = sandbox.endpoints.find((endpoint) => endpoint.id === sandbox.gatewayEndpoint);
    if (gateway === undefined) return [];
    return sandbox.published
      .filter((port) => this.#parts.publishing.isRelayed(port, gateway))
      .map((port) => ({ port, target: gateway.ipv6 ?? gateway.ipv4 ?? "" }));
  }
}
