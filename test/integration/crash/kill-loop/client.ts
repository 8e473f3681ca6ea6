import { Containers, type Surroundings } from "./containers.ts";
import { Random } from "./random.ts";
import type { Session } from "./session.ts";
import { Things } from "./things.ts";

/** Containers of one client at most: more would only make each check longer. */
const MOST = 4;

/** One client with things of its own, that does one thing after another until the session is over. */
export class Client {
  readonly #session: Session;
  readonly #random: Random;
  readonly #name: string;
  readonly #containers: Containers;
  readonly #volumes: Things;
  readonly #networks: Things;
  readonly #tags: Things;
  /** What containers were made with: not to be removed before the end. */
  readonly #used = new Set<string>();
  #made = 0;

  constructor(session: Session, seed: number, name: string) {
    this.#session = session;
    this.#random = new Random(seed);
    this.#name = name;
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
    const operate = () => this.#containers.operate(this.#surroundings());
    const steps: ReadonlyArray<readonly [name: string | undefined, run: () => Promise<void>]> = [
      ...Array.from({ length: 4 }, () => ["run", () => this.#run()] as const),
      ["remove", () => this.#containers.remove()],
      ["prune containers", () => this.#containers.prune()],
      ...Array.from({ length: 16 }, () => [undefined, operate] as const), // they name themselves
      ["create volume", () => this.#volumes.create()],
      ["remove volume", () => this.#volumes.remove(isUsed)],
      ["prune volumes", () => this.#volumes.prune((name) => this.#containers.holds(name))],
      ["remove network", () => this.#networks.remove(isUsed)],
      [
        "create network",
        () => (this.#networks.names.length < 2 ? this.#networks.create() : this.#networks.remove(isUsed)),
      ],
      ["tag", () => this.#tags.create()],
      ["untag", () => this.#tags.remove(isUsed)],
      ["check", () => this.#check()],
    ];
    const [name, run] = this.#random.pick(steps) ?? [];
    if (name !== undefined) this.#session.did(name);
    await run?.();
  }

  #surroundings(): Surroundings {
    return {
      networks: this.#networks.names,
      use: (name) => this.#used.add(name),
      fresh: (kind) => `${this.#name}-${kind}${++this.#made}`,
      tagged: (name) => this.#tags.add(name),
    };
  }

  async #run(): Promise<void> {
    if (this.#containers.count >= MOST) return;
    const volume = this.#random.pick(this.#volumes.names);
    const network = this.#random.pick([undefined, "none", ...this.#networks.names]);
    for (const name of [volume, network]) if (name !== undefined) this.#used.add(name);
    await this.#containers.run(this.#surroundings(), volume, network);
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
