import { malformedChunks } from "./errors.ts";

const MAX_CHUNK_LINE = 1024;
const MAX_TRAILER_BYTES = 8 * 1024;
const LINE_END = 0x0a;

/** Where in a body one is, as data: it may cross threads. */
export interface FramingState {
  readonly chunked: boolean;
  /** `content-end`: the line end behind a chunk; `size`: the line in front of the next one. */
  at: "content" | "content-end" | "size" | "trailers" | "done";
  /** Bytes of the body, or of the chunk, that are still to come. */
  left: number;
  /** What is there of a line that is not whole. */
  line: string;
  trailerBytes: number;
}

/** What delimits an HTTP body (RFC 9112 §7.1), apart from where its bytes come from. */
export class BodyFraming {
  readonly #state: FramingState;

  /** @param state is changed; who needs it as it was keeps a copy. */
  constructor(state: FramingState) {
    this.#state = state;
  }

  static chunked(): BodyFraming {
    return new BodyFraming({ chunked: true, at: "size", left: 0, line: "", trailerBytes: 0 });
  }

  static ofLength(length: number): BodyFraming {
    const at = length === 0 ? "done" : "content";
    return new BodyFraming({ chunked: false, at, left: length, line: "", trailerBytes: 0 });
  }

  get state(): FramingState {
    return this.#state;
  }

  get done(): boolean {
    return this.#state.at === "done";
  }

  get isChunked(): boolean {
    return this.#state.chunked;
  }

  /** So many bytes of content come next; with 0, and unless it is done, what comes next is for `skip`. */
  get left(): number {
    return this.#state.left;
  }

  /** So many bytes of the content, `left` at most, were taken. */
  take(count: number): void {
    const state = this.#state;
    state.left -= count;
    if (state.left === 0) state.at = state.chunked ? "content-end" : "done";
  }

  /**
   * Goes over what stands between contents, up to the next content, the body's end, or the piece's.
   * @returns how many bytes that were. @throws invalid when they are none of a chunked body.
   */
  skip(piece: Buffer): number {
    const state = this.#state;
    let at = 0;
    while (at < piece.length && state.at !== "content" && state.at !== "done") {
      const end = piece.indexOf(LINE_END, at);
      const next = end === -1 ? piece.length : end + 1;
      state.line += piece.toString("latin1", at, next);
      at = next;
      if (state.line.length > this.#longest() + 2) throw malformedChunks();
      if (end === -1) break;
      if (!state.line.endsWith("\r\n")) throw malformedChunks();
      const line = state.line.slice(0, -2);
      state.line = "";
      this.#take(line);
    }
    return at;
  }

  #longest(): number {
    switch (this.#state.at) {
      case "size":
        return MAX_CHUNK_LINE;
      case "trailers":
        return MAX_TRAILER_BYTES;
      default:
        return 0;
    }
  }

  #take(line: string): void {
    const state = this.#state;
    if (state.at === "content-end") {
      if (line !== "") throw malformedChunks();
      state.at = "size";
    } else if (state.at === "size") {
      const [, size] = /^([0-9a-fA-F]{1,12})[ \t]*(?:;[^\r\n]*)?$/.exec(line) ?? [];
      if (size === undefined) throw malformedChunks();
      state.left = Number.parseInt(size, 16);
      state.at = state.left === 0 ? "trailers" : "content";
    } else if (line === "") {
      state.at = "done";
    } else {
      state.trailerBytes += line.length + 2;
      if (state.trailerBytes > MAX_TRAILER_BYTES) throw malformedChunks();
    }
  }
}
