/* Replaces libtritonserver behind repository_lock.c, and counts calls that overlap. */
#include <stdatomic.h>
#include <stddef.h>
#include <unistd.h>

static atomic_int inside, met;

static void *visit(void) {
  if (atomic_fetch_add(&inside, 1) > 0) atomic_fetch_add(&met, 1);
  usleep(2000);
  atomic_fetch_sub(&inside, 1);
  return NULL;
}

void *TRITONSERVER_ServerModelIndex(void) { return visit(); }
void *TRITONSERVER_ServerRegisterModelRepository(void) { return visit(); }
void *TRITONSERVER_ServerUnregisterModelRepository(void) { return visit(); }
int calls_that_met(void) { return atomic_load(&met); }
