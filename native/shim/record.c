/* Exit records: what a restarted daemon finds, whoever was there when the process ended. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "shim.h"

int run_directory = -1;

void record_exit(const struct process *p) {
  char name[ID_BYTES + 16], temporary[ID_BYTES + 24], text[256];
  if (p->id[0])
    snprintf(name, sizeof name, "exec-%s.json", p->id);
  else
    snprintf(name, sizeof name, "exit.json");
  snprintf(temporary, sizeof temporary, "%s.tmp", name);
  int length = snprintf(text, sizeof text,
                        "{\"code\":%d,\"at\":\"%" PRIu64 "\",\"oom\":%s,\"pid\":%d,\"startedAt\":\"%" PRIu64 "\"}\n",
                        p->code, p->exited_at, p->oom ? "true" : "false", p->pid, p->started_at);
  int fd = openat(run_directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return;
  ssize_t written = write(fd, text, (size_t)length);
  close(fd);
  if (written == length)
    renameat(run_directory, temporary, run_directory, name);
  else
    unlinkat(run_directory, temporary, 0);
}
