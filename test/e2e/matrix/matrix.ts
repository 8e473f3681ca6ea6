import { attemptsAt, FIELDS } from "./cases.ts";
import { operationKey, OPERATIONS } from "./operations.ts";
import { inParallel } from "./pool.ts";
import { Creations } from "./run-create.ts";
import { Operations } from "./run-operation.ts";
import type { CreateAttempt } from "./types.ts";

/** Enough to keep an engine busy while others wait for their containers. */
const AT_ONCE = 4;
/** Attempts of these take the same names after each other, or run commands in one container, whose errors Docker mixes up. */
const ONE_BY_ONE: readonly string[] = [
  "containerCreate",
  "containerRename",
  "imageCommit",
  "containerExec",
  "execStart",
];

type Outcomes = Array<readonly [key: string, outcome: unknown]>;

/** Every section of the matrix: a member of a create body (`HostConfig.Memory`) or an operation. */
export const SECTIONS: readonly string[] = [
  ...Object.entries(FIELDS).flatMap(([shape, members]) => Object.keys(members).map((member) => `${shape}.${member}`)),
  ...Object.keys(OPERATIONS),
];

/** The keys of all attempts of a section, in the order in which they are made. */
export function keysOf(section: string): string[] {
  const attempts = OPERATIONS[section];
  if (attempts !== undefined) return attempts.map((attempt) => operationKey(attempt));
  return createsOf(section).map(({ key }) => key);
}

function createsOf(section: string): CreateAttempt[] {
  const [shape = "", member = ""] = section.split(".");
  const row = FIELDS[shape]?.[member];
  if (row === undefined) throw new Error(`there is no section ${section}`);
  return attemptsAt(shape, member, row);
}

/** The whole matrix on one engine. */
export class Matrix implements AsyncDisposable {
  readonly #creations: Creations;
  readonly #operations: Operations;

  private constructor(creations: Creations, operations: Operations) {
    this.#creations = creations;
    this.#operations = operations;
  }

  /** @param socket of an engine that has the image `busybox:local`, and nothing else. */
  static async on(socket: string): Promise<Matrix> {
    const creations = new Creations(socket);
    await creations.prepare();
    return new Matrix(creations, new Operations(socket, creations.peerId));
  }

  /** Of inspect, for a container of which nothing is asked. */
  get plain(): unknown {
    return this.#creations.plain;
  }

  /** Makes the attempts of a section. @param isWanted whether the attempt of that key is to be made. */
  async run(section: string, isWanted: (key: string) => boolean = () => true): Promise<Outcomes> {
    const attempts = OPERATIONS[section];
    if (attempts !== undefined) {
      const wanted = attempts.filter((attempt) => isWanted(operationKey(attempt)));
      return await inParallel(wanted, ONE_BY_ONE.includes(section) ? 1 : AT_ONCE, async (attempt) => [
        operationKey(attempt),
        await this.#operations.attempt(section, attempt),
      ]);
    }
    const wanted = createsOf(section).filter(({ key }) => isWanted(key));
    return await inParallel(wanted, AT_ONCE, async (attempt) => [attempt.key, await this.#creations.attempt(attempt)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#operations[Symbol.asyncDispose]();
    await this.#creations[Symbol.asyncDispose]();
  }
}
