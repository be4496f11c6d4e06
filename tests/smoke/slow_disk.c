/* Preloaded by a test: tritonserver takes 20 ms to open a folder, as from a busy disk. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

DIR *opendir(const char *name) {
  DIR *(*next)(const char *) = (DIR *(*)(const char *))dlsym(RTLD_NEXT, "opendir");
  if (strcmp(program_invocation_short_name, "tritonserver") == 0) usleep(20000);
  return next(name);
}
