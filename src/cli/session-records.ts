import { ClientError, fromDaemon } from "../client/index.ts";
import { CliError } from "./errors.ts";

/** What an engine tells of a session (docs/http.md), after what was made. */
interface SessionRecord {
  Started?: boolean;
  Failure?: { Status: number; Message: string };
  StatusCode?: number;
  Error?: { Message: string };
}

/** Follows the records of a session. */
export class SessionRecords {
  readonly #started = Promise.withResolvers<void>();
  readonly #code = Promise.withResolvers<number>();
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor() {
    // Each is awaited by those that care for it
    this.#started.promise.catch(() => undefined);
    this.#code.promise.catch(() => undefined);
  }

  /** Resolves once it runs. @throws ClientError why it does not. */
  get started(): Promise<void> {
    return this.#started.promise;
  }

  /** The exit code. @throws CliError when it is not told. */
  get code(): Promise<number> {
    return this.#code.promise;
  }

  /** Takes the next piece of the records. */
  take(bytes: Uint8Array): void {
    const lines = (this.#text + this.#decoder.decode(bytes, { stream: true })).split("\n");
    this.#text = lines.pop() ?? "";
    for (const line of lines) this.#read(JSON.parse(line) as SessionRecord); // the engine's promise
  }

  /** The session has ended: what was not told will not be. */
  end(): void {
    this.#started.reject(new ClientError("error during connect: unexpected EOF"));
    this.#code.reject(waitFailed("unexpected EOF"));
  }

  #read({ Started, Failure, StatusCode, Error }: SessionRecord): void {
    if (Started === true) this.#started.resolve();
    if (Failure !== undefined) this.#started.reject(fromDaemon(Failure.Status, Failure.Message));
    const failure = Error?.Message ?? "";
    if (failure !== "") this.#code.reject(waitFailed(failure));
    else if (StatusCode !== undefined) this.#code.resolve(StatusCode);
  }
}

const waitFailed = (reason: string) => new CliError(`Error waiting for container: ${reason}`, 125);
