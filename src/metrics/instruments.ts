import type { Family, Sample } from "./types.ts";

/** Upper bounds in seconds: those of Prometheus's own clients, which Docker has too. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A number that only grows. */
export class Counter implements Family {
  readonly type = "counter";
  readonly name: string;
  readonly help: string;
  #value = 0;

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  add(more = 1): void {
    this.#value += more;
  }

  samples(): Sample[] {
    return [{ value: this.#value }];
  }
}

/** A number that is looked up when it is asked for. */
export class Gauge implements Family {
  readonly type: "gauge" | "counter";
  readonly name: string;
  readonly help: string;
  readonly #read: Family["samples"];

  /** @param type `counter` for what is counted elsewhere. */
  constructor(name: string, help: string, read: Family["samples"], type: "gauge" | "counter" = "gauge") {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#read = read;
  }

  samples(): Iterable<Sample> | Promise<Iterable<Sample>> {
    return this.#read();
  }
}

/** How long something took. */
export class Histogram implements Family {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #cell = new Cell();

  constructor(name: string, help: string) {
    this.name = name;
    this.help = help;
  }

  observe(seconds: number): void {
    this.#cell.observe(seconds);
  }

  samples(): Iterable<Sample> {
    return this.#cell.samples({});
  }
}

/** How long things took, by one label. */
export class Timers<Value extends string = string> implements Family {
  readonly type = "histogram";
  readonly name: string;
  readonly help: string;
  readonly #label: string;
  readonly #cells = new Map<string, Cell>();

  /** @param known values that are shown before they were seen. */
  constructor(name: string, help: string, label: string, known: readonly Value[]) {
    this.name = name;
    this.help = help;
    this.#label = label;
    for (const value of known) this.#cells.set(value, new Cell());
  }

  observe(value: Value, seconds: number): void {
    let cell = this.#cells.get(value);
    if (cell === undefined) this.#cells.set(value, (cell = new Cell()));
    cell.observe(seconds);
  }

  /** Notes how long the work took, unless it throws: as in Docker, what failed is not counted. */
  async time<T>(value: Value, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await work();
    this.observe(value, (performance.now() - start) / 1000);
    return result;
  }

  /** The same for work that is done at once. */
  timeSync<T>(value: Value, work: () => T): T {
    const start = performance.now();
    const result = work();
    this.observe(value, (performance.now() - start) / 1000);
    return result;
  }

  /** For work that has several parts: each is told when it is done, and is timed from the one before. */
  sequence(): { done(value: Value): void } {
    let last = performance.now();
    return {
      done: (value) => {
        const now = performance.now();
        this.observe(value, (now - last) / 1000);
        last = now;
      },
    };
  }

  *samples(): Iterable<Sample> {
    const sorted = [...this.#cells].sort(([one], [other]) => (one < other ? -1 : 1));
    for (const [value, cell] of sorted) yield* cell.samples({ [this.#label]: value });
  }
}

/** One histogram's numbers. */
class Cell {
  /** Observations by the first bound that they are not above; the last is for those above all. */
  readonly #counts = Array.from({ length: BOUNDS.length + 1 }, () => 0);
  #sum = 0;

  observe(seconds: number): void {
    const found = BOUNDS.findIndex((bound) => seconds <= bound);
    const index = found === -1 ? BOUNDS.length : found;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += seconds;
  }

  *samples(labels: Readonly<Record<string, string>>): Iterable<Sample> {
    let total = 0;
    for (const [index, count] of this.#counts.entries()) {
      total += count;
      const le = BOUNDS[index]?.toString() ?? "+Inf";
      yield { suffix: "_bucket", labels: { ...labels, le }, value: total };
    }
    yield { suffix: "_sum", labels, value: this.#sum };
    yield { suffix: "_count", labels, value: total };
  }
}
