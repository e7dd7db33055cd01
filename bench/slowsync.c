/* A slower disk, and a count: LD_PRELOAD=slowsync.so SLOW_US=2000 SYNC_COUNT=FILE command.
   Every fsync and fdatasync of the process takes SLOW_US more; their number is written to FILE at its end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_long syncs;
static int (*real_fsync)(int), (*real_fdatasync)(int);
static long slow_us;

__attribute__((constructor)) static void begin(void) {
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  slow_us = getenv("SLOW_US") ? atol(getenv("SLOW_US")) : 0;
}

__attribute__((destructor)) static void end(void) {
  const char *path = getenv("SYNC_COUNT");
  if (!path || !syncs) return;
  FILE *file = fopen(path, "a");
  if (file) fprintf(file, "%ld\n", (long)syncs), fclose(file);
}

static void lag(void) {
  atomic_fetch_add(&syncs, 1);
  if (slow_us) usleep(slow_us);
}

int fsync(int fd) { return lag(), real_fsync(fd); }
int fdatasync(int fd) { return lag(), real_fdatasync(fd); }
