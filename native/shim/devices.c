/* cgroup v2 has no device files: an eBPF program answers instead. */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "plan.h"

#define MAX_DEVICE_PROGRAM 4096

static int load(const struct bpf_insn *program, uint32_t count) {
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
  attr.insns = (uint64_t)(uintptr_t)program;
  attr.insn_cnt = count;
  attr.license = (uint64_t)(uintptr_t) "Apache";
  return (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof attr);
}

int op_cgroup_devices(struct plan *plan, struct reader *args) {
  static struct bpf_insn program[MAX_DEVICE_PROGRAM]; /* aligned, which the plan's bytes are not */
  const char *path = take_text(args);
  uint32_t length;
  const uint8_t *bytes = take_bytes(args, &length);
  if (args->bad || length == 0 || length % sizeof program[0] || length > sizeof program)
    return fail(plan, EINVAL, "device program of %u bytes", length);
  memcpy(program, bytes, length);
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return fail(plan, errno, "open %s", path);
  int loaded = load(program, length / sizeof program[0]), err = errno;
  if (loaded < 0) {
    close(directory);
    return fail(plan, err, "load device rules");
  }
  union bpf_attr attr;
  memset(&attr, 0, sizeof attr);
  attr.target_fd = (uint32_t)directory;
  attr.attach_bpf_fd = (uint32_t)loaded;
  attr.attach_type = BPF_CGROUP_DEVICE;
  /* Beside what others put there: all of them must allow an access. */
  attr.attach_flags = BPF_F_ALLOW_MULTI;
  int result = (int)syscall(SYS_bpf, BPF_PROG_ATTACH, &attr, sizeof attr);
  err = errno;
  close(loaded);
  close(directory);
  return result < 0 ? fail(plan, err, "attach device rules to %s", path) : 0;
}
