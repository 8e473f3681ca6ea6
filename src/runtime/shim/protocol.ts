/** The numbers of docs/shim-protocol.md; `native/shim/protocol.h` holds the same. Additive: never reused. */

export const PROTOCOL_VERSION = 1;
export const MESSAGE_HEADER_BYTES = 12;
export const FRAME_HEADER_BYTES = 8;

export const Message = {
  hello: 1,
  create: 2,
  start: 3,
  state: 4,
  kill: 5,
  resize: 6,
  attach: 7,
  exec: 8,
  closeStdin: 9,
  shutdown: 10,
  reservePort: 11,
  releasePorts: 12,
  externalCreate: 13,
  externalExec: 14,
  fork: 15,
} as const;
export type MessageName = keyof typeof Message;

export const REPLY_BIT = 0x8000;
export const EVENT_EXIT = 0x4001;
export const EVENT_OOM = 0x4002;

export const ReplyStatus = { ok: 0, error: 1, planFailed: 2 } as const;
export const ProcessFlag = { tty: 1, stdin: 2, stdinOnce: 4, holdOutput: 8, logHolds: 16 } as const;
export const AttachFlag = { stdin: 1, stdout: 2, stderr: 4 } as const;
export const HELLO_EVENTS = 1;

export const FrameStream = { stdin: 0, stdout: 1, stderr: 2, control: 3 } as const;
/** The byte of a control frame. */
export const Control = { inputClose: 1, inputDetach: 2, endDrained: 0x10, endCutOff: 0x11 } as const;

/** In the order of `enum shim_state`. */
export const SHIM_STATES = ["unclaimed", "claimed", "created", "running", "exited"] as const;
export type ShimStateName = (typeof SHIM_STATES)[number];
