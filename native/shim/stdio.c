/* What a process writes goes to the log and to its clients; what clients write goes to its stdin. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shim.h"

#define PIPE_BYTES (256 * 1024)
#define READS_PER_EVENT 8
/* After the drain limit: what a pipe can hold by then, and not what a process that was left behind goes on writing. */
#define FINAL_READS 64

static uint8_t buffer[READ_BYTES] __attribute__((aligned(4096)));

static void input_ready(struct watch *w, uint32_t events) {
  (void)events;
  struct process *p = MEMBER_OF(w, struct process, in);
  clients_input(p);
  stdio_update(p);
}

static void end_stream(struct process *p, struct watch *w, int stream) {
  watch_close(w);
  if (!p->id[0]) log_end(stream);
}

/* A client that is slow but alive holds the process back, and so does a log that waits for its delivery. */
static int may_read(const struct process *p) {
  return clients_have_room(p) && (p->id[0] || p->giving_up || !log_is_full());
}

/* Reads while there is something and everybody can take it. */
static void pump(struct process *p, struct watch *w, int stream, int reads) {
  while (w->fd >= 0 && reads-- > 0 && may_read(p)) {
    ssize_t n = read(w->fd, buffer, sizeof buffer);
    if (n > 0) {
      if (!p->id[0]) log_write(stream, buffer, (size_t)n);
      clients_output(p, stream, buffer, (size_t)n);
      if (p->giving_up && ++p->final_reads[stream == FRAME_STDERR] >= FINAL_READS) end_stream(p, w, stream);
      /* A short read emptied the pipe; a terminal gives a line's worth at a time. */
      if ((size_t)n < sizeof buffer / 16 && !p->giving_up && !p->reaped) break;
    } else if (n < 0 && errno == EINTR) {
      continue;
    } else if (n < 0 && errno == EAGAIN) {
      if (p->giving_up) end_stream(p, w, stream);
      break;
    } else {
      /* 0: no writer is left. EIO: no process has the terminal open. */
      end_stream(p, w, stream);
    }
  }
}

static void after_pump(struct process *p) {
  stdio_update(p);
  if (!stdio_open(p)) process_settle(p);
}

static void stdout_ready(struct watch *w, uint32_t events) {
  (void)events;
  struct process *p = MEMBER_OF(w, struct process, out);
  pump(p, w, FRAME_STDOUT, READS_PER_EVENT);
  after_pump(p);
}

static void stderr_ready(struct watch *w, uint32_t events) {
  (void)events;
  struct process *p = MEMBER_OF(w, struct process, err);
  pump(p, w, FRAME_STDERR, READS_PER_EVENT);
  after_pump(p);
}

static int make_pipe(int *ours, int *theirs, int they_read) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) < 0) return -errno;
  *theirs = ends[they_read ? 0 : 1];
  *ours = ends[they_read ? 1 : 0];
  fcntl(*ours, F_SETFL, O_NONBLOCK);
  return 0;
}

int stdio_make(struct process *p, int child_ends[3]) {
  child_ends[0] = child_ends[1] = child_ends[2] = -1;
  if (p->flags & PROCESS_TTY) return 0; /* the child makes it, and sends the master */
  int fd = -1, result = 0;
  if (p->flags & PROCESS_STDIN) {
    result = make_pipe(&fd, &child_ends[0], 1);
    if (result == 0) watch_init(&p->in, fd, input_ready);
  }
  if (result == 0 && (result = make_pipe(&fd, &child_ends[1], 0)) == 0) {
    watch_init(&p->out, fd, stdout_ready);
    /* Larger than standard where the user's allowance has room: fewer turns of the loop for bulk output. */
    fcntl(fd, F_SETPIPE_SZ, PIPE_BYTES);
  }
  if (result == 0 && (result = make_pipe(&fd, &child_ends[2], 0)) == 0) watch_init(&p->err, fd, stderr_ready);
  return result;
}

void stdio_take_master(struct process *p, int master) {
  if (!(p->flags & PROCESS_TTY) || p->out.fd >= 0) {
    close(master);
    return;
  }
  fcntl(master, F_SETFL, O_NONBLOCK);
  watch_init(&p->out, master, stdout_ready);
  if (p->flags & PROCESS_STDIN) {
    int input = fcntl(master, F_DUPFD_CLOEXEC, 3);
    if (input >= 0) watch_init(&p->in, input, input_ready);
  }
}

void stdio_close_input(struct process *p) { watch_close(&p->in); }

void stdio_close(struct process *p) {
  watch_close(&p->in);
  watch_close(&p->out);
  watch_close(&p->err);
}

int stdio_open(const struct process *p) { return p->out.fd >= 0 || p->err.fd >= 0; }

void stdio_update(struct process *p) {
  /* Before its answer is sent, and before a held exec has its client, output waits in the pipe. */
  int readable = !p->holder && (p->phase == PHASE_RUNNING || p->phase == PHASE_EXITED || p->phase == PHASE_CREATED) &&
                 may_read(p);
  if (readable && p->giving_up) {
    pump(p, &p->out, FRAME_STDOUT, INT32_MAX);
    pump(p, &p->err, FRAME_STDERR, INT32_MAX);
    readable = 0;
    if (!stdio_open(p)) process_settle(p);
  }
  watch_set(&p->out, readable ? EPOLLIN : 0);
  watch_set(&p->err, readable ? EPOLLIN : 0);
  watch_set(&p->in, clients_input_pending(p) ? EPOLLOUT : 0);
}

void stdio_idle(void) { madvise(buffer, sizeof buffer, MADV_DONTNEED); }
