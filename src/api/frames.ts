import type { OutputChunk } from "./backends/streams.ts";

/** Docker's multiplexed streams: each piece behind a header of stream, three zeros and its length, big-endian. */

export const FRAME_HEADER_BYTES = 8;
/** `record` is berth's own: JSON of a session (docs/http.md), one a line. */
export const STREAM_NUMBER = { stdin: 0, stdout: 1, stderr: 2, systemerr: 3, record: 4 } as const;

/** Writes the header of a frame into `to`. */
export function putFrameHeader(to: Uint8Array, at: number, stream: number, length: number): void {
  to[at] = stream;
  to[at + 1] = 0;
  to[at + 2] = 0;
  to[at + 3] = 0;
  to[at + 4] = length >>> 24;
  to[at + 5] = length >>> 16;
  to[at + 6] = length >>> 8;
  to[at + 7] = length;
}

/** The pieces of a block that holds whole frames. */
export function* splitFrames(block: Uint8Array): Generator<OutputChunk> {
  const view = new DataView(block.buffer, block.byteOffset, block.length);
  for (let at = 0; at + FRAME_HEADER_BYTES <= block.length;) {
    const end = at + FRAME_HEADER_BYTES + view.getUint32(at + 4);
    const stream = block[at] === STREAM_NUMBER.stderr ? "stderr" : "stdout";
    yield { stream, data: block.subarray(at + FRAME_HEADER_BYTES, end) };
    at = end;
  }
}
