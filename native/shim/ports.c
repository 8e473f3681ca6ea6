/* Published ports: bound sockets that hold an address while the container lives, whatever becomes of the daemon. */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

static int *held;
static size_t held_count;

static int bind_socket(uint32_t family, uint32_t protocol, const uint8_t *address, uint16_t port, uint32_t *bound) {
  int type = protocol == IPPROTO_UDP ? SOCK_DGRAM : SOCK_STREAM, one = 1;
  int fd = socket((int)family, type | SOCK_CLOEXEC, (int)protocol);
  if (fd < 0) return -errno;
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
  struct sockaddr *name = family == AF_INET ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
  socklen_t length = family == AF_INET ? sizeof v4 : sizeof v6;
  if (family == AF_INET)
    memcpy(&v4.sin_addr, address, 4);
  else
    memcpy(&v6.sin6_addr, address, 16);
  if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
  /* Connections that a former server left in TIME_WAIT are no conflict; a listening socket still is. */
  if (type == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd, name, length) < 0 || (type == SOCK_STREAM && listen(fd, 1) < 0) ||
      getsockname(fd, name, &length) < 0) {
    int err = -errno;
    close(fd);
    return err;
  }
  *bound = ntohs(family == AF_INET ? v4.sin_port : v6.sin6_port);
  return fd;
}

int ports_reserve(uint32_t family, uint32_t protocol, const uint8_t *address, uint32_t length, uint32_t *port) {
  if (*port > 65535 || (family != AF_INET && family != AF_INET6) || length != (family == AF_INET ? 4u : 16u))
    return -EINVAL;
  int *more = realloc(held, (held_count + 1) * sizeof *held);
  if (!more) return -ENOMEM;
  held = more;
  int fd = bind_socket(family, protocol, address, (uint16_t)*port, port);
  if (fd < 0) return fd;
  held[held_count++] = fd;
  return 0;
}

void ports_release(void) {
  for (size_t i = 0; i < held_count; i++) close(held[i]);
  free(held);
  held = NULL;
  held_count = 0;
}
