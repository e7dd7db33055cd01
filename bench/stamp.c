/* A command that tells when it ran: appends "BEGUN ENDED" in nanoseconds to a file.  stamp FILE */
#include <stdio.h>
#include <time.h>

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int main(int count, char **arguments) {
  long long begun = now();
  FILE *file = count > 1 ? fopen(arguments[1], "a") : 0;
  if (!file) return 1;
  fprintf(file, "%lld %lld\n", begun, now());
  return fclose(file) != 0;
}
