#ifndef CPRIMITIVES_DAEMON_H
#define CPRIMITIVES_DAEMON_H

/// What the daemon asks of Linux that Swift cannot say: calls that take variadic or GNU-only
/// arguments. Every function sets errno as the call beneath it does.

#include <stdint.h>

/// The user at the other end of a connected unix socket.
/// Returns the uid, or -1.
int64_t cp_peer_uid(int descriptor);

/// Takes a read lease on a file that is open for reading: refused (EAGAIN) while anyone has it open
/// for writing. Returns 0, or -1.
int cp_take_read_lease(int descriptor);

/// Gives a read lease back. Returns 0, or -1.
int cp_release_lease(int descriptor);

/// Opens `path` for reading, resolved beneath `directory`: neither `..` nor a symlink leads out of
/// it. Never blocks on a FIFO and never becomes a controlling terminal. Returns a descriptor, or -1
/// (ENOSYS where the kernel has no openat2, EXDEV for a path that leads out).
int cp_open_beneath(int directory, const char *_Nonnull path);

/// A non-blocking counter to wake a poll with (eventfd). Returns a descriptor, or -1.
int cp_wake_descriptor(void);

/// Makes a pipe that programs which are started do not inherit. Returns 0, or -1.
int cp_pipe(int *_Nonnull ends);

/// The flag of posix_spawn for a program in a session of its own (POSIX_SPAWN_SETSID).
int cp_spawn_session_flag(void);

/// Syncs all of the file system that a file lies in. Returns 0, or -1.
int cp_sync_file_system(int descriptor);

/// Names the calling thread for debuggers and `top -H`; 15 bytes of it are kept.
void cp_name_thread(const char *_Nonnull name);

/// Names the pipeline that this thread works for, for the note that a fatal signal leaves; NULL for
/// none. The bytes are copied, at most 63.
void cp_crash_context(const char *_Nullable pipeline, uint64_t epoch);

/// From now on a fatal signal writes one line to standard error and to `path`, and ends the process
/// as the signal would have. Returns 0, or -1.
int cp_install_crash_note(const char *_Nonnull path);

#endif
