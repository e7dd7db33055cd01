/* What the machine can do: posix_spawn of commands with so many outstanding, two new log files for each in this folder.
   limits N OUTSTANDING [sh] */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double seconds(const struct timeval *t) { return t->tv_sec + t->tv_usec / 1e6; }

static int start(int number, int shell) {
  char *direct[] = {"true", 0}, *line[] = {"sh", "-c", "true", 0}, log[64];
  posix_spawn_file_actions_t actions;
  pid_t pid;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  for (int i = 1; i <= 2; i++) {
    snprintf(log, sizeof log, "step-%d.%s", number, i == 1 ? "out" : "err");
    posix_spawn_file_actions_addopen(&actions, i, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  }
  int failed = posix_spawn(&pid, shell ? "/bin/sh" : "/bin/true", &actions, 0, shell ? line : direct, environ);
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

int main(int count, char **arguments) {
  int n = atoi(arguments[1]), outstanding = atoi(arguments[2]), live = 0, status;
  struct timespec begin, end;
  struct rusage own, children;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  for (int i = 0; i < n; i++) {
    if (live == outstanding) wait(&status), live--;
    if (start(i, count > 3)) return 1;
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
