import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { crashPoint, messageOf, writeFileAtomic, type Logger } from "../../base/index.ts";
import { removalNotNoted } from "../errors.ts";

export interface NotedRemoval {
  readonly id: string;
  /** Anonymous volumes that go with it. */
  readonly volumes: readonly string[];
  /** All volumes that it used. */
  readonly used: readonly string[];
}

/**
 * Removals that could not be recorded, since the data root is read-only or full: one file for each in the exec root, which
 * is another file system. The container is gone for its user from then on, also for the next daemon; what is left of it is
 * removed once the data root can be written to. A boot of the machine loses the notes, and the container is back.
 */
export class RemovalNotes {
  readonly #folder: string;
  readonly #noted = new Map<string, NotedRemoval>();

  /** Reads what an earlier daemon noted. @param folder in the exec root; made when it is needed. */
  constructor(folder: string, logger: Logger) {
    this.#folder = folder;
    for (const id of namesIn(folder)) {
      if (!/^[0-9a-f]{64}$/.test(id)) continue;
      try {
        this.#noted.set(id, JSON.parse(readFileSync(join(folder, id), "utf8")) as NotedRemoval); // written by add
      } catch (error) {
        logger.error("a note of a removal cannot be read", { container: id, error: messageOf(error) });
      }
    }
  }

  has(id: string): boolean {
    return this.#noted.has(id);
  }

  all(): NotedRemoval[] {
    return [...this.#noted.values()];
  }

  /**
   * @param cause why it was not recorded.
   * @throws unknown when the exec root cannot be written to either.
   */
  async add(removal: NotedRemoval, cause: unknown): Promise<void> {
    const { id } = removal;
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
      await writeFileAtomic(join(this.#folder, id), JSON.stringify(removal));
    } catch (error) {
      throw removalNotNoted(cause, error);
    }
    crashPoint("read-only-remove:noted");
    this.#noted.set(id, removal);
  }

  /** The removal is recorded where it belongs. */
  async drop(id: string): Promise<void> {
    await rm(join(this.#folder, id), { force: true });
    this.#noted.delete(id);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // there was never a need for it
  }
}
