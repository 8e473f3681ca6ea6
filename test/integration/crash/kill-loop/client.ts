import { Containers } from "./containers.ts";
import { Random } from "./random.ts";
import type { Session } from "./session.ts";
import { Things } from "./things.ts";

/** Containers of one client at most: more would only make each check longer. */
const MOST = 4;

/** One client with things of its own, that does one thing after another until the session is over. */
export class Client {
  readonly #session: Session;
  readonly #random: Random;
  readonly #containers: Containers;
  readonly #volumes: Things;
  readonly #networks: Things;
  readonly #tags: Things;
  /** What containers were made with: not to be removed before the end. */
  readonly #used = new Set<string>();

  constructor(session: Session, seed: number, name: string) {
    this.#session = session;
    this.#random = new Random(seed);
    this.#containers = new Containers(session, this.#random, name);
    this.#volumes = new Things(session, this.#random, "volume", name);
    this.#networks = new Things(session, this.#random, "network", name);
    this.#tags = new Things(session, this.#random, "tag", name);
  }

  async work(): Promise<void> {
    while (!this.#session.over) await this.#step();
  }

  async #step(): Promise<void> {
    const isUsed = (name: string) => this.#used.has(name);
    const steps: ReadonlyArray<() => Promise<void>> = [
      () => this.#run(),
      () => this.#run(),
      () => this.#containers.exec(),
      () => this.#containers.exec(),
      () => this.#containers.stop(),
      () => this.#containers.remove(),
      () => this.#volumes.create(),
      () => this.#volumes.remove(isUsed),
      () => this.#networks.remove(isUsed),
      () => (this.#networks.names.length < 2 ? this.#networks.create() : this.#networks.remove(isUsed)),
      () => this.#tags.create(),
      () => this.#tags.remove(isUsed),
      () => this.#check(),
    ];
    await this.#random.pick(steps)?.();
  }

  async #run(): Promise<void> {
    if (this.#containers.count >= MOST) return await this.#containers.remove();
    const volume = this.#random.pick(this.#volumes.names);
    const network = this.#random.pick([undefined, "none", ...this.#networks.names]);
    for (const name of [volume, network]) if (name !== undefined) this.#used.add(name);
    await this.#containers.run({
      ...(volume === undefined ? {} : { Binds: [`${volume}:/data`] }),
      ...(network === undefined ? {} : { NetworkMode: network }),
    });
  }

  async #check(): Promise<void> {
    await this.#containers.check();
    for (const things of [this.#volumes, this.#networks, this.#tags]) await things.check();
  }

  /** Compares everything with what was told, and removes it. */
  async finish(): Promise<void> {
    await this.#containers.finish();
    for (const things of [this.#volumes, this.#networks, this.#tags]) await things.finish();
  }
}
