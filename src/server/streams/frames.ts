import { FRAME_HEADER_BYTES, type OutputChunk, putFrameHeader, STREAM_NUMBER } from "../../api/index.ts";

/** Writes a piece of output: as it is from a terminal, else behind a frame header of 8 bytes. */
export function writeOutput(write: (data: Uint8Array) => void, chunk: OutputChunk, tty: boolean): void {
  if (!tty) write(frameHeader(chunk.stream, chunk.data.length));
  write(chunk.data);
}

/** A frame on stream 3, which clients show as an error. */
export const errorFrame = (message: string): Uint8Array => textFrame("systemerr", message);

/** A frame that tells of a session, to those who asked for one. */
export const recordFrame = (record: unknown): Uint8Array => textFrame("record", `${JSON.stringify(record)}\n`);

function textFrame(stream: "systemerr" | "record", content: string): Uint8Array {
  const text = Buffer.from(content);
  return Buffer.concat([frameHeader(stream, text.length), text]);
}

function frameHeader(stream: keyof typeof STREAM_NUMBER, length: number): Uint8Array {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  putFrameHeader(header, 0, STREAM_NUMBER[stream], length);
  return header;
}

export const RAW_STREAM = "application/vnd.docker.raw-stream";
export const MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream";
export const SESSION_STREAM = "application/vnd.berth.session-stream";
