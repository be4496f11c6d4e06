/* Preloaded into tritonserver on a laptop: a socket that would listen on every address listens on
 * 127.0.0.1. The SageMaker port has no address option, and POST /models lets a caller run code. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*bind_function)(int, const struct sockaddr *, socklen_t);

int bind(int socket, const struct sockaddr *address, socklen_t length) {
  bind_function next = (bind_function)dlsym(RTLD_NEXT, "bind");
  struct sockaddr_in local;
  if (address->sa_family != AF_INET || length < sizeof local) return next(socket, address, length);
  memcpy(&local, address, sizeof local);
  if (local.sin_addr.s_addr == htonl(INADDR_ANY)) local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return next(socket, (const struct sockaddr *)&local, sizeof local);
}
