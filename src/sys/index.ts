export * from "./constants.ts";
export { loadNative } from "./native.ts";
export { recordingNative, systemError } from "./recording.ts";
export type { Answers, RecordedCall, RecordingNative } from "./recording.ts";
export type * from "./types.ts";
