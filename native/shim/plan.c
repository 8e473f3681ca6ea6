/* The switch over operations, and the channel to the shim. */
#include "plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

struct op_header {
  uint16_t code, zero;
  uint32_t length;
};

int fail(struct plan *plan, int err, const char *format, ...) {
  va_list list;
  va_start(list, format);
  vsnprintf(plan->text, sizeof plan->text, format, list);
  va_end(list);
  return err > 0 ? -err : -EIO;
}

void channel_send(int channel, uint32_t kind, int32_t value, uint32_t index, uint32_t opcode, const char *text,
                  size_t text_length, int fd) {
  struct channel_message head = {.kind = kind, .value = value, .index = index, .opcode = opcode};
  struct iovec parts[2] = {{&head, sizeof head}, {(void *)text, text_length}};
  union {
    struct cmsghdr head;
    char space[CMSG_SPACE(sizeof(int))];
  } control;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = text_length ? 2 : 1};
  if (fd >= 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  while (sendmsg(channel, &message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

static int run_op(struct plan *plan, uint32_t code, struct reader *args) {
  switch (code) {
#define OP(name, number) \
  case number:           \
    return op_##name(plan, args);
    PLAN_OPS(OP)
#undef OP
  }
  return fail(plan, ENOSYS, "operation %u is not known to this shim", code);
}

static int known_op(uint32_t code) {
  switch (code) {
#define OP(name, number) case number:
    PLAN_OPS(OP)
#undef OP
    return 1;
  }
  return 0;
}

int plan_check(const uint8_t *bytes, size_t length) {
  struct reader r = {bytes, bytes + length, 0};
  uint32_t magic = take_u32(&r), version = take_u32(&r), count = take_u32(&r);
  if (r.bad || magic != PLAN_MAGIC) return -EINVAL;
  if (version != PLAN_VERSION) return -EPROTONOSUPPORT;
  int contents = 0;
  for (uint32_t i = 0; i < count; i++) {
    const void *p = take(&r, sizeof(struct op_header));
    if (!p) return -EINVAL;
    struct op_header head;
    memcpy(&head, p, sizeof head);
    if (!known_op(head.code)) return -ENOSYS;
    if (!take(&r, head.length)) return -EINVAL;
    if (head.code == OP_spawn_init) contents |= PLAN_SPAWNS;
    if (head.code == OP_wait_start) contents |= PLAN_WAITS;
  }
  return r.at == r.end ? contents : -EINVAL;
}

const char *plan_cgroup(const uint8_t *bytes, size_t length) {
  struct reader r = {bytes + 12, bytes + length, 0};
  const void *p = take(&r, sizeof(struct op_header));
  if (!p) return NULL;
  struct op_header head;
  memcpy(&head, p, sizeof head);
  if (head.code != OP_begin_in) return NULL;
  struct reader args = {r.at, r.at + head.length, 0};
  const char *path = take_text(&args);
  return args.bad ? NULL : path;
}

void plan_run(struct plan *plan, const uint8_t *bytes, size_t length) {
  /* Nobody may ptrace or look into /proc/self of this process before its exec (CVE-2016-9962). */
  prctl(PR_SET_DUMPABLE, 0);
  struct reader r = {bytes + 8, bytes + length, 0};
  uint32_t count = take_u32(&r);
  for (uint32_t i = 0; i < count; i++) {
    struct op_header head;
    memcpy(&head, take(&r, sizeof head), sizeof head); /* plan_check saw that it is there */
    const uint8_t *body = take(&r, head.length);
    struct reader args = {body, body + head.length, 0};
    plan->text[0] = 0;
    int result = run_op(plan, head.code, &args);
    if (result >= 0 && args.bad) result = fail(plan, EINVAL, "malformed arguments");
    if (result < 0) {
      channel_send(plan->channel, CHANNEL_FAILED, -result, i, head.code, plan->text, strlen(plan->text), -1);
      _exit(1);
    }
  }
  channel_send(plan->channel, CHANNEL_FAILED, EINVAL, count, 0, "plan without exec", 17, -1);
  _exit(1);
}
