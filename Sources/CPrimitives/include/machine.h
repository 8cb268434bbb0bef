#ifndef CPRIMITIVES_MACHINE_H
#define CPRIMITIVES_MACHINE_H

/// What `doctor` asks the kernel through headers that Swift's Glibc does not import.

#include <stdint.h>

/// The kernel's number for the kind of file system that holds `path`, or -1.
int64_t cp_file_system_kind(const char *_Nonnull path);

/// Whether the clock is kept in step: 1 or 0, or -1 where the kernel does not say.
/// `error_micros` gets how far it may be off.
int cp_clock_is_synchronised(int64_t *_Nonnull error_micros);

#endif
