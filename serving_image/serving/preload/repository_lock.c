/* Preloaded into tritonserver: one lock around its list of model repositories.
 * While the SageMaker front end waits for a model to unload, it reads that list without the lock
 * under which the load of another model changes it (core, ModelRepositoryManager::RepositoryIndex,
 * in 2.51 and still in June 2026). The server then crashes with signal 11, or an unload is never
 * confirmed. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct TRITONSERVER_Error Error;
typedef struct TRITONSERVER_Server Server;
typedef struct TRITONSERVER_Message Message;
typedef struct TRITONSERVER_Parameter Parameter;

typedef Error *(*index_function)(Server *, uint32_t, Message **);
typedef Error *(*register_function)(Server *, const char *, const Parameter **, uint32_t);
typedef Error *(*unregister_function)(Server *, const char *);

static pthread_mutex_t repositories = PTHREAD_MUTEX_INITIALIZER;

static void *tritons_own(const char *name) {
  void *function = dlsym(RTLD_NEXT, name);
  if (function == NULL) {
    fprintf(stderr, "serve: this tritonserver has no %s, which repository_lock.c guards\n", name);
    abort();
  }
  return function;
}

Error *TRITONSERVER_ServerModelIndex(Server *server, uint32_t flags, Message **index) {
  index_function own = (index_function)tritons_own(__func__);
  pthread_mutex_lock(&repositories);
  Error *error = own(server, flags, index);
  pthread_mutex_unlock(&repositories);
  return error;
}

Error *TRITONSERVER_ServerRegisterModelRepository(Server *server, const char *path,
                                                  const Parameter **names, uint32_t count) {
  register_function own = (register_function)tritons_own(__func__);
  pthread_mutex_lock(&repositories);
  Error *error = own(server, path, names, count);
  pthread_mutex_unlock(&repositories);
  return error;
}

Error *TRITONSERVER_ServerUnregisterModelRepository(Server *server, const char *path) {
  unregister_function own = (unregister_function)tritons_own(__func__);
  pthread_mutex_lock(&repositories);
  Error *error = own(server, path);
  pthread_mutex_unlock(&repositories);
  return error;
}
