import type { Random } from "./random.ts";
import type { Session } from "./session.ts";

interface Kind {
  create(name: string, client: string): { path: string; body?: unknown };
  /** Where it is asked for, and removed. */
  at(name: string): { get: string; remove: string };
}

export type ThingKind = "volume" | "network" | "tag";

const KINDS: Readonly<Record<ThingKind, Kind>> = {
  volume: {
    create: (name, client) => ({ path: "/volumes/create", body: { Name: name, Labels: { client } } }),
    at: (name) => ({ get: `/volumes/${name}`, remove: `/volumes/${name}` }),
  },
  network: {
    create: (name, client) => ({ path: "/networks/create", body: { Name: name, Labels: { client } } }),
    at: (name) => ({ get: `/networks/${name}`, remove: `/networks/${name}` }),
  },
  tag: {
    create: (name) => ({ path: `/images/busybox:local/tag?repo=${name}&tag=t` }),
    at: (name) => ({ get: `/images/${name}:t/json`, remove: `/images/${name}:t` }),
  },
};

/** A client's volumes, networks or tags. */
export class Things {
  readonly #session: Session;
  readonly #random: Random;
  readonly #kind: Kind;
  readonly #client: string;
  readonly #prefix: string;
  #there: string[] = [];
  #gone: string[] = [];
  #made = 0;

  constructor(session: Session, random: Random, kind: ThingKind, client: string) {
    this.#session = session;
    this.#random = random;
    this.#kind = KINDS[kind];
    this.#client = client;
    this.#prefix = `${client}-${kind}`;
  }

  get names(): readonly string[] {
    return this.#there;
  }

  async create(): Promise<void> {
    this.#made += 1;
    const name = `${this.#prefix}${this.#made}`;
    const { path, body } = this.#kind.create(name, this.#client);
    const { answer, cut } = await this.#session.insist("POST", path, body);
    // 409: the one that was cut short had been carried out.
    if (answer.status !== 201 && !(cut && answer.status === 409)) {
      this.#session.violated(`create ${name}: ${answer.status} ${answer.text}`);
    } else this.#there.push(name);
  }

  /** One that was made in another way. */
  add(name: string): void {
    this.#there.push(name);
  }

  /** Takes away the volumes that no container has. */
  async prune(holds: (name: string) => "yes" | "no" | "maybe"): Promise<void> {
    const filters = JSON.stringify({ label: [`client=${this.#client}`], all: ["true"] });
    await this.#session.prune("volumes", filters);
    for (const name of this.#there) {
      const { answer } = await this.#session.insist("GET", this.#kind.at(name).get);
      const isGone = answer.status === 404;
      const held = holds(name);
      if (held === (isGone ? "yes" : "no")) {
        this.#session.violated(`${name} ${isGone ? "is in use and was" : "is not in use and was not"} pruned`);
      }
      if (isGone) this.#gone.push(name);
    }
    this.#there = this.#there.filter((name) => !this.#gone.includes(name));
  }

  /** @param isUsed names that a container may hold: those may refuse. */
  async remove(isUsed: (name: string) => boolean): Promise<void> {
    const name = this.#random.pick(this.#there.filter((each) => !isUsed(each)));
    if (name === undefined) return;
    const { answer, cut } = await this.#session.insist("DELETE", this.#kind.at(name).remove);
    if (answer.status >= 400 && !(cut && answer.status === 404)) {
      this.#session.violated(`remove ${name}: ${answer.status} ${answer.text}`);
      return;
    }
    this.#there = this.#there.filter((each) => each !== name);
    this.#gone.push(name);
  }

  async check(): Promise<void> {
    for (const name of this.#there) await this.#session.expect("GET", this.#kind.at(name).get, [200]);
    for (const name of this.#gone.slice(-5)) await this.#session.expect("GET", this.#kind.at(name).get, [404]);
  }

  async finish(): Promise<void> {
    await this.check();
    while (this.#there.length > 0) {
      const before = this.#there.length;
      await this.remove(() => false);
      if (this.#there.length === before) return; // refused, and noted
    }
  }
}
