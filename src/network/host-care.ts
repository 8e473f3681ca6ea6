import { type KeyedLock, type Logger, messageOf } from "../base/index.ts";
import type { Firewall } from "./firewall/firewall.ts";
import type { NetworkHost } from "./host.ts";
import type { Links } from "./links.ts";
import type { NetworkRegistry } from "./registry.ts";
import type { Sandboxes } from "./sandboxes.ts";

const LOOK_MS = 5000;

export interface CareParts {
  registry: NetworkRegistry;
  links: Links;
  firewall: Firewall;
  host: NetworkHost;
  sandboxes: Sandboxes;
  /** Of networks, by id. */
  lock: KeyedLock;
  logger: Logger;
}

/**
 * Puts back what somebody else removes from the host: bridges, rules (`nft flush ruleset`, a firewall that is reloaded),
 * the place among other firewalls' rules. Containers that run are connected again.
 */
export class HostCare {
  readonly #parts: CareParts;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<boolean> | undefined;
  /** Of the rules when they were last looked at. */
  #generation: number | undefined;

  constructor(parts: CareParts) {
    this.#parts = parts;
  }

  /** Looks every few seconds from now on: a question or two to the kernel while nothing has changed. */
  start(): void {
    this.#timer ??= setInterval(() => void this.look(), LOOK_MS).unref();
  }

  /** Returns when nothing is under way any more. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#timer = undefined;
    await this.#looking;
  }

  /** Looks now. Gives true when something was put back; what fails is logged. */
  look(): Promise<boolean> {
    this.#looking ??= this.#look().finally(() => (this.#looking = undefined));
    return this.#looking;
  }

  async #look(): Promise<boolean> {
    try {
      const bridges = await this.#mendBridges();
      const rules = await this.#mendRules();
      return bridges || rules;
    } catch (error) {
      this.#parts.logger.warn("bridges and rules of networks could not be put back", { error: messageOf(error) });
      return false;
    }
  }

  async #mendBridges(): Promise<boolean> {
    const { registry, links, host, sandboxes, lock, logger } = this.#parts;
    let mended = false;
    for (const network of registry.records()) {
      if (network.driver !== "bridge" || !(await links.isLost(network.bridge))) continue;
      using _held = await lock.acquire(network.id);
      if (registry.byId(network.id) === undefined) continue;
      await host.setUpBridge(network);
      await sandboxes.replug(network);
      logger.warn("a bridge was removed by somebody else and is made again", { bridge: network.bridge });
      mended = true;
    }
    return mended;
  }

  async #mendRules(): Promise<boolean> {
    const { firewall, host, sandboxes, logger } = this.#parts;
    const generation = await firewall.generation();
    if (generation === this.#generation) return false;
    const mended = await host.mendRules(sandboxes.ports);
    this.#generation = generation;
    if (mended) logger.warn("rules of the packet filter were removed by somebody else and are made again");
    return mended;
  }
}
