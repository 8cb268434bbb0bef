#ifndef CPRIMITIVES_THREADS_H
#define CPRIMITIVES_THREADS_H

#include <semaphore.h>
#include <stdint.h>

/// Waits for a semaphore for at most `micros` microseconds, on the clock that never jumps. Returns 0
/// once it was decremented, -1 when the time was over.
int cp_semaphore_wait(sem_t *_Nonnull semaphore, int64_t micros);

#endif
