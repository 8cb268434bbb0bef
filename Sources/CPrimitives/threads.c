#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "threads.h"

#include <errno.h>
#include <time.h>

int cp_semaphore_wait(sem_t *semaphore, int64_t micros) {
    struct timespec deadline;
    clock_gettime(CLOCK_MONOTONIC, &deadline);
    if (micros < 0) micros = 0;
    int64_t nanos = deadline.tv_nsec + micros % 1000000 * 1000;
    deadline.tv_sec += micros / 1000000 + nanos / 1000000000;
    deadline.tv_nsec = nanos % 1000000000;
    while (sem_clockwait(semaphore, CLOCK_MONOTONIC, &deadline) != 0) {
        if (errno != EINTR) return -1;
    }
    return 0;
}
