/* The shim's protocol (docs/shim-protocol.md): little-endian, additive. Numbers are never reused. */
#ifndef BERTH_PROTOCOL_H
#define BERTH_PROTOCOL_H

#include <stdint.h>

#define PROTOCOL_MIN 1
#define PROTOCOL_MAX 1
#define MAX_PAYLOAD (8u * 1024 * 1024 + 65536)

/* Before each message of a control connection. */
struct message_header {
  uint32_t length; /* of the payload */
  uint16_t type;
  uint16_t zero;
  uint32_t id; /* chosen by the client; 0 in events */
};

enum message_type {
  MSG_HELLO = 1,
  MSG_CREATE = 2,
  MSG_START = 3,
  MSG_STATE = 4,
  MSG_KILL = 5,
  MSG_RESIZE = 6,
  MSG_ATTACH = 7,
  MSG_EXEC = 8,
  MSG_CLOSE_STDIN = 9,
  MSG_SHUTDOWN = 10,
  MSG_RESERVE_PORT = 11,
  MSG_RELEASE_PORTS = 12,
  MSG_EXTERNAL_CREATE = 13,
  MSG_EXTERNAL_EXEC = 14,
  MSG_FORK = 15,
  MSG_REPLY = 0x8000, /* or'ed with the request's type */
  MSG_EVENT_EXIT = 0x4001,
  MSG_EVENT_OOM = 0x4002,
};

/* First word of each reply. */
enum reply_status { REPLY_OK = 0, REPLY_ERROR = 1, REPLY_PLAN_FAILED = 2 };

enum process_flags {
  PROCESS_TTY = 1,
  PROCESS_STDIN = 2,
  PROCESS_STDIN_ONCE = 4,
  PROCESS_HOLD_OUTPUT = 8,
  PROCESS_LOG_HOLDS = 16
};
enum attach_flags { ATTACH_STDIN = 1, ATTACH_STDOUT = 2, ATTACH_STDERR = 4 };
enum hello_flags { HELLO_EVENTS = 1 };

enum shim_state { STATE_UNCLAIMED, STATE_CLAIMED, STATE_CREATED, STATE_RUNNING, STATE_EXITED };

/* After the reply to ATTACH: frames both ways, Docker's own header (stream, 0, 0, 0, length big-endian). */
#define FRAME_HEADER 8
enum frame_stream { FRAME_STDIN = 0, FRAME_STDOUT = 1, FRAME_STDERR = 2, FRAME_CONTROL = 3 };
/* First byte of a control frame. From the client: INPUT_*; from the shim, as its last frame: END_*. */
enum control_byte { INPUT_CLOSE = 1, INPUT_DETACH = 2, END_DRAINED = 0x10, END_CUT_OFF = 0x11 };

#endif
