/* Published ports: bound sockets that hold an address while the container lives, whatever becomes of the daemon. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

static int *held;
static size_t held_count;

#define BACKLOG 128

/* A name that is bound; listens when it is to be relayed. */
static int bind_socket(const struct sockaddr *name, socklen_t length, uint32_t protocol, int reuse, int listens) {
  int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM, one = 1;
  int fd = socket(name->sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, (int)protocol);
  if (fd < 0) return -errno;
  if (name->sa_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  if (reuse) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, name, length) < 0 || (listens && listen(fd, BACKLOG) < 0)) {
    int err = -errno;
    close(fd);
    return err;
  }
  return fd;
}

/*
 * A plain socket, to which nothing connects, keeps everybody away; but connections that a former server left in TIME_WAIT
 * refuse it too. With SO_REUSEADDR they do not, but then only a listening socket keeps others with that option away.
 */
static int hold(struct sockaddr *name, socklen_t length, uint32_t protocol, int listens) {
  int tcp = protocol == IPPROTO_TCP;
  if (listens && tcp) return bind_socket(name, length, protocol, 1, 1);
  int fd = bind_socket(name, length, protocol, 0, 0);
  return fd == -EADDRINUSE && tcp ? bind_socket(name, length, protocol, 1, 1) : fd;
}

int ports_reserve(uint32_t family, uint32_t protocol, const uint8_t *address, uint32_t length, uint32_t flags,
                  uint32_t *port) {
  if (*port > 65535 || (family != AF_INET && family != AF_INET6) || length != (family == AF_INET ? 4u : 16u))
    return -EINVAL;
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port)};
  struct sockaddr *name = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
  socklen_t size = family == AF_INET ? sizeof v4 : sizeof v6;
  memcpy(family == AF_INET ? (void *)&v4.sin_addr : (void *)&v6.sin6_addr, address, length);
  int *more = realloc(held, (held_count + 1) * sizeof *held);
  if (!more) return -ENOMEM;
  held = more;
  int fd = hold(name, size, protocol, (flags & PORT_LISTENS) != 0);
  if (fd < 0) return fd;
  getsockname(fd, name, &size);
  *port = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
  held[held_count++] = fd;
  return fd;
}

void ports_release(int fd) {
  for (size_t i = 0; i < held_count; i++) {
    if (held[i] != fd) continue;
    close(fd);
    held[i] = held[--held_count];
    return;
  }
}

void ports_release_all(void) {
  for (size_t i = 0; i < held_count; i++) close(held[i]);
  free(held);
  held = NULL;
  held_count = 0;
}
