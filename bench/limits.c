/* What the machine can do: posix_spawn of commands with so many outstanding.  limits N OUTSTANDING [sh] */
#define _GNU_SOURCE
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double seconds(const struct timeval *t) { return t->tv_sec + t->tv_usec / 1e6; }

int main(int count, char **arguments) {
  int n = atoi(arguments[1]), outstanding = atoi(arguments[2]), live = 0, status;
  char *direct[] = {"true", 0}, *shell[] = {"sh", "-c", "true", 0};
  const char *program = count > 3 ? "/bin/sh" : "/bin/true";
  struct timespec begin, end;
  struct rusage own, children;
  pid_t pid;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int i = 0; i < n; i++) {
    if (live == outstanding) wait(&status), live--;
    if (posix_spawn(&pid, program, 0, 0, count > 3 ? shell : direct, environ)) return 1;
    live++;
  }
  while (live--) wait(&status);
  clock_gettime(CLOCK_MONOTONIC, &end);
  getrusage(RUSAGE_SELF, &own);
  getrusage(RUSAGE_CHILDREN, &children);
  printf("{\"n\": %d, \"engine_s\": %f, \"cpu_s\": %f, \"rss_mib\": %f}\n", n,
         end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9,
         seconds(&own.ru_utime) + seconds(&own.ru_stime) + seconds(&children.ru_utime) + seconds(&children.ru_stime),
         own.ru_maxrss / 1024.0);
}
