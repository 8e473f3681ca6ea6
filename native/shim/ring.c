/* Bounded output buffers. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "shim.h"

int ring_put(struct ring *r, const void *data, size_t length) {
  if (length > ring_room(r)) return -1;
  if (!r->bytes) {
    void *p = mmap(NULL, r->capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return -1;
    r->bytes = p;
  }
  uint32_t tail = (r->head + r->length) % r->capacity;
  size_t first = r->capacity - tail < length ? r->capacity - tail : length;
  memcpy(r->bytes + tail, data, first);
  memcpy(r->bytes, (const uint8_t *)data + first, length - first);
  r->length += (uint32_t)length;
  return 0;
}

int ring_flush(struct ring *r, int fd) {
  while (r->length > 0) {
    uint32_t first = r->capacity - r->head < r->length ? r->capacity - r->head : r->length;
    struct iovec parts[2] = {{r->bytes + r->head, first}, {r->bytes, r->length - first}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = r->length > first ? 2 : 1};
    ssize_t n = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? 1 : -1;
    r->head = (uint32_t)((r->head + (size_t)n) % r->capacity);
    r->length -= (uint32_t)n;
  }
  r->head = 0;
  return 0;
}

void ring_free(struct ring *r) {
  if (r->bytes) munmap(r->bytes, r->capacity);
  r->bytes = NULL;
  r->length = r->head = 0;
}
