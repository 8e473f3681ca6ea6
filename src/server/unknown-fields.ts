import type { Logger } from "../base/index.ts";

/** Names come from clients: more different ones than this are only counted together. */
const MAX_NAMES = 1000;

/** Counts what clients sent that no operation knows, so that nothing is ignored in silence. */
export class UnknownFields {
  readonly #logger: Logger;
  readonly #counts = new Map<string, number>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  note(operation: string, where: "query" | "body", names: readonly string[]): void {
    for (const name of names) {
      const key = `${operation} ${where} ${name.slice(0, 200)}`;
      const before = this.#counts.get(key);
      if (before === undefined) this.#logger.warn("request has a field that is not known", { operation, where, name });
      if (before !== undefined || this.#counts.size < MAX_NAMES) this.#counts.set(key, (before ?? 0) + 1);
      else this.#counts.set("more", (this.#counts.get("more") ?? 0) + 1);
    }
  }

  /** How often each was seen, by `operation where name`. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }
}
