/* The supervisor of one container: its parts and what they share. One thread, one epoll loop. */
#ifndef BERTH_SHIM_H
#define BERTH_SHIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "protocol.h"
#include "wire.h"

#define ID_BYTES 129
#define DRAIN_LIMIT_MS 2000
#define READ_BYTES 65536
#define CONTROL_RING (64u * 1024)
#define STREAM_RING (256u * 1024)

/* — The loop (loop.c) — */

/* A file descriptor in the epoll set. `events` is what is asked for now; 0: nothing, not even hang-ups. */
struct watch {
  int fd;
  uint32_t events;
  int added;
  void (*ready)(struct watch *, uint32_t events);
};

void watch_init(struct watch *w, int fd, void (*ready)(struct watch *, uint32_t));
void watch_set(struct watch *w, uint32_t events);
/* Takes it out of the set and closes it. */
void watch_close(struct watch *w);
uint64_t now_ms(void);   /* monotonic */
uint64_t now_nanos(void); /* since 1970 */
#define MEMBER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* — Rings: bounded output buffers, mapped when first needed (ring.c) — */

struct ring {
  uint8_t *bytes;
  uint32_t capacity, head, length;
};

int ring_put(struct ring *r, const void *data, size_t length); /* -1 when it does not fit */
/* Writes what it can; 0 empty now, 1 something is left, -1 the peer is gone. */
int ring_flush(struct ring *r, int fd);
void ring_free(struct ring *r);
static inline size_t ring_room(const struct ring *r) { return r->capacity - r->length; }

/* — The log (log.c) — */

struct log_options {
  const char *path; /* empty: none */
  uint64_t max_size;
  uint32_t max_files;
  const char *attributes; /* `,"attrs":{…}` or empty */
  int holds; /* nothing is rotated away before the daemon has marked it as delivered */
};
int log_open(const struct log_options *options); /* 0 or a negative errno */
void log_write(int stream, const uint8_t *data, size_t length);
/* The stream ended: its last line without newline is written. */
void log_end(int stream);
uint64_t log_dropped(void);
/* A log that holds has no room: output waits in the pipe, to be asked again after LOG_RETRY_MS. */
int log_is_full(void);
int log_held(void); /* what log_is_full said last */
#define LOG_RETRY_MS 50
/* Gives memory back when nothing is going on. */
void log_idle(void);

/* — Processes: PID 1 and execs (task.c) — */

enum phase { PHASE_SPAWNING, PHASE_CREATED, PHASE_STARTING, PHASE_RUNNING, PHASE_EXITED, PHASE_FAILED };

struct client;
struct connection;

struct process {
  struct process *next;
  char id[ID_BYTES]; /* empty: the container's PID 1 */
  enum phase phase;
  uint32_t flags; /* PROCESS_* */
  pid_t pid, helper;
  int pidfd;
  int mounts; /* PID 1's mount namespace, kept so that its exit does not wait for the unmounting */
  int ready; /* wait_start was reached */
  int reaped, announced;
  int finished; /* to be freed at the end of the round */
  int32_t code;
  uint64_t started_at, exited_at, drain_by_ms;
  int oom;
  struct watch channel;
  struct external *external; /* made by another OCI runtime; NULL: by a plan */
  /* stdio: pipes, or the terminal's master (out; in is a duplicate) */
  struct watch in, out, err;
  struct connection *holder; /* output waits for the first client, or for this connection to end */
  int giving_up;             /* ended, drain limit passed: what cannot be read at once will not come */
  int final_reads[2];        /* since then, of stdout and stderr */
  struct client *clients;
  /* the request that waits for this process, and the failure to answer it with */
  struct connection *waiter;
  uint32_t waiter_id;
  uint16_t waiter_type;
  int failed;
  uint32_t failed_index, failed_opcode;
  int32_t failed_errno;
  char *failed_text;
};

extern struct process *processes; /* PID 1 first, if there is one */
struct process *process_find(const char *id);
/* Starts a plan; answers the request later. 0 or a negative errno. */
int process_spawn(const char *id, uint32_t flags, const uint8_t *plan, size_t length, struct connection *waiter,
                  uint32_t waiter_id, uint16_t waiter_type);
int process_start(struct process *p, struct connection *waiter, uint32_t waiter_id);
/* A process in the list, with its ends of the pipes; its fields are the caller's to fill. NULL with errno. */
struct process *process_new(const char *id, uint32_t flags, int child_ends[3], struct connection *waiter,
                            uint32_t waiter_id, uint16_t waiter_type);
/* What a waiting request is told: it goes on, or it failed and the process is gone. */
void process_spawned(struct process *p);
void process_started(struct process *p);
void process_failed(struct process *p, uint32_t index, uint32_t opcode, int32_t err, const char *text);
/* Lets go of PID 1's mounts: when it has ended, and all that wait for it know, they are taken apart here. */
void process_drop_mounts(struct process *p);
int process_kill(struct process *p, int signal);
int process_resize(struct process *p, unsigned rows, unsigned columns);
/* Frees what is finished; once a round, so that nothing is freed under somebody's feet. */
void processes_sweep(void);
/* After SIGCHLD. */
void processes_reap(void);
/* Its output has come to its end, or its time is up: announces the exit when that is due. */
void process_settle(struct process *p);
/* The connection is gone: nobody waits for an answer, nothing is held for it. */
void processes_forget(struct connection *c);

/* — Want of memory (oom.c) — */

extern char oom_events_path[4096];
/* Watches the container's cgroup, which is there by now. */
void oom_begin(void);
void oom_end(void);
/* PID 1 has ended: what is not told yet is told, and nothing more is watched. */
void oom_settle(struct process *init);

/* — Other OCI runtimes (external.c) — */

/* Their programs: each runs once, with the process's stdio, and leaves a pid in a file. */
struct external_options {
  const char *pid_file;
  const char *console_socket; /* where the runtime sends the terminal's master; empty without a terminal */
  struct reader create, start; /* argument lists, checked; `start` only for PID 1 */
};
int external_spawn(const char *id, uint32_t flags, const struct external_options *options, struct connection *waiter,
                   uint32_t waiter_id, uint16_t waiter_type);
int external_start(struct process *p);
/* The program that p->helper was has ended. */
void external_ended(struct process *p, int status);
void external_free(struct process *p);
/* Reaps what was left to us: the runtimes' processes become children of the shim. */
void external_reap_strangers(void);

/* — Stdio (stdio.c) — */

int stdio_make(struct process *p, int child_ends[3]);
void stdio_take_master(struct process *p, int master);
void stdio_close(struct process *p);
/* Asks the loop for what can be read and written now. */
void stdio_update(struct process *p);
int stdio_open(const struct process *p); /* output may still come */
void stdio_close_input(struct process *p);
void stdio_idle(void);

/* — Attached clients (client.c) — */

struct client {
  struct client *next;
  struct process *process;
  struct watch socket;
  uint32_t flags; /* ATTACH_* */
  struct ring output;
  int ending;    /* the last frame is in the ring */
  int lingering; /* it has been sent: goes when the peer hangs up */
  int gone;   /* to be freed at the end of the round */
  uint64_t stall_ms, progress_ms;
  uint8_t *input; /* READ_BYTES, when it has stdin */
  uint32_t input_start, input_end, frame_left;
  int deaf;    /* it takes no more output; what it sent is still read, up to its hang-up */
  int hung_up; /* the peer is gone; what it sent still goes to stdin */
};

extern struct client *draining_clients; /* of processes that have ended: what is left in their rings */
void clients_sweep(void);
/* Turns a connected socket into a stream, with the reply as its first bytes. -1: no memory, and the socket is not taken. */
int client_attach(struct process *p, int socket, uint32_t flags, uint32_t stall_ms, const uint8_t *reply, size_t length);
/* True when each client can take a read's worth. */
int clients_have_room(const struct process *p);
void clients_output(struct process *p, int stream, const uint8_t *data, size_t length);
/* stdin can be written again. */
void clients_input(struct process *p);
int clients_input_pending(const struct process *p);
/* Sends the last frame to each and lets them go. */
void clients_end(struct process *p);
/* Cuts off who took nothing for too long; gives ms until the next look, or -1. */
int clients_check_stalls(uint64_t now);

/* — Connections (server.c) — */

int server_listen(const char *path);
void server_begin(void);
/* In a process that was forked: forgets every connection, whose descriptors are closed already. */
void server_forget(void);
void server_sweep(void);
void reply_ok(struct connection *c, uint32_t id, uint16_t type, const void *body, size_t length);
void reply_error(struct connection *c, uint32_t id, uint16_t type, int err, const char *text);
void reply_plan_failed(struct connection *c, uint32_t id, uint16_t type, const struct process *p);
void server_announce_exit(const struct process *p);
void server_announce_oom(void);
extern int shutting_down;
/* Milliseconds until the next timer, -1 for none; runs what is due. */
int server_timers(void);
int server_finished(void);

/* — Exit records (record.c) — */

extern int run_directory;
void record_exit(const struct process *p);

/* — The process itself (main.c) — */

void rename_command(void);
/* Opens the directory of a socket as the run directory. 0 or a negative errno. */
int open_run_directory(const char *socket);
/* SIGCHLD by descriptor, the rest ignored or as it was. 0 or a negative errno. */
int take_signals(void);
/* Serves until there is nothing left to do. */
void serve(void);
extern char *socket_argument; /* in the command line, which tools look at */

/* Another shim, with a socket there, as this one was when it began. 0 once it listens, or a negative errno. */
int fork_shim(const char *socket);

/* — Other — */
int seal_executable(char **argv); /* returns 0 when it runs sealed; -errno when it cannot be */
#define PORT_LISTENS 1
/* Gives the descriptor; `port` becomes the one that was chosen for 0. */
int ports_reserve(uint32_t family, uint32_t protocol, const uint8_t *address, uint32_t length, uint32_t flags,
                  uint32_t *port);
void ports_release(int fd);
void ports_release_all(void);

#endif
