#ifndef CPRIMITIVES_SYSTEM_H
#define CPRIMITIVES_SYSTEM_H

#include <dirent.h>
#include <stdint.h>

/// The name of a directory entry. Its array is declared with a length that the real one may exceed,
/// so that it must not be read as an array of that length.
static inline const char *_Nonnull cp_entry_name(const struct dirent *_Nonnull entry) {
    return entry->d_name;
}

/// Has the empty file `target` share the bytes of `source` (FICLONE). Returns 0, or -1 where the file
/// system cannot.
int cp_clone_file(int source, int target);

#endif
