// Counts a process's calls that change files, over all its threads, and lets one of them go wrong.
//
//   cc -shared -fPIC -O1 -o shim.so crash-shim.c -ldl
//   LD_PRELOAD=./shim.so CRASH_AT=17 CRASH_HOW=torn PROGRAM
//
// CRASH_AT   which call, from 1; 0 for none
// CRASH_HOW  before  the process is killed instead of the call
//            after   the call is made, then the process is killed
//            torn    half of a write is made, then the process is killed; other calls: before
//            short   a write returns after half of its bytes; other calls are left alone
//            NUMBER  the call is not made and fails with this errno
// CRASH_FOREVER  1: every later call fails as well (errno only)
// CRASH_LOG  a file to which "INDEX NAME PATH" is appended per call
//
// A call counts if it creates, writes, cuts, syncs, renames or removes; a write counts when it names its
// position (pwrite), as all writes to files do here.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

enum how { NONE, BEFORE, AFTER, TORN, SHORT, FAIL };

static atomic_long calls;
static long at;
static enum how how;
static int code;
static int forever;
static int log_file = -1;

__attribute__((constructor)) static void start(void) {
    const char *text = getenv("CRASH_AT");
    at = text ? atol(text) : 0;
    text = getenv("CRASH_HOW");
    if (!text) text = "";
    if (!strcmp(text, "before")) how = BEFORE;
    else if (!strcmp(text, "after")) how = AFTER;
    else if (!strcmp(text, "torn")) how = TORN;
    else if (!strcmp(text, "short")) how = SHORT;
    else if ((code = atoi(text))) how = FAIL;
    text = getenv("CRASH_FOREVER");
    forever = text && *text == '1';
    text = getenv("CRASH_LOG");
    if (text) {
        log_file = (int)syscall(SYS_openat, AT_FDCWD, text, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    }
    unsetenv("LD_PRELOAD");
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void note(long index, const char *name, const char *path, int file) {
    if (log_file < 0) return;
    char link[64], target[512], line[700];
    if (!path) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", file);
        ssize_t count = readlink(link, target, sizeof target - 1);
        target[count < 0 ? 0 : count] = 0;
        path = target;
    }
    int count = snprintf(line, sizeof line, "%ld %s %s\n", index, name, path);
    syscall(SYS_write, log_file, line, count);
}

// What is to happen with this call.
static enum how turn(const char *name, const char *path, int file) {
    long index = atomic_fetch_add(&calls, 1) + 1;
    note(index, name, path, file);
    if (!at || index < at || (index > at && !(forever && how == FAIL))) return NONE;
    if (how == BEFORE) die();
    if (how == FAIL) errno = code;
    return how;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

// A call that succeeds with 0 and writes no bytes.
#define SIMPLE(name, parameters, arguments, path, file)              \
    int name parameters {                                            \
        enum how what = turn(#name, path, file);                     \
        if (what == FAIL) return -1;                                 \
        if (what == TORN) die();                                     \
        int result = REAL(name) arguments;                           \
        if (what == AFTER) die();                                    \
        return result;                                               \
    }

SIMPLE(fsync, (int file), (file), NULL, file)
SIMPLE(fdatasync, (int file), (file), NULL, file)
SIMPLE(ftruncate, (int file, off_t length), (file, length), NULL, file)
SIMPLE(ftruncate64, (int file, off64_t length), (file, length), NULL, file)
SIMPLE(rename, (const char *from, const char *to), (from, to), to, -1)
SIMPLE(unlink, (const char *path), (path), path, -1)
SIMPLE(rmdir, (const char *path), (path), path, -1)
SIMPLE(mkdir, (const char *path, mode_t mode), (path, mode), path, -1)
SIMPLE(link, (const char *from, const char *to), (from, to), to, -1)

#define RESERVE(name, type)                                          \
    int name(int file, type start, type length) {                    \
        enum how what = turn(#name, NULL, file);                     \
        if (what == FAIL) return code;                               \
        if (what == TORN) die();                                     \
        int result = REAL(name)(file, start, length);                \
        if (what == AFTER) die();                                    \
        return result;                                               \
    }

RESERVE(posix_fallocate, off_t)
RESERVE(posix_fallocate64, off64_t)

#define WRITE(name, type)                                                       \
    ssize_t name(int file, const void *bytes, size_t count, type position) {    \
        enum how what = turn(#name, NULL, file);                                \
        if (what == FAIL) return -1;                                            \
        if ((what == TORN || what == SHORT) && count > 1) count /= 2;           \
        ssize_t result = REAL(name)(file, bytes, count, position);              \
        if (what == AFTER || what == TORN) die();                               \
        return result;                                                          \
    }

WRITE(pwrite, off_t)
WRITE(pwrite64, off64_t)

#define OPEN(name)                                                   \
    int name(const char *path, int flags, ...) {                     \
        mode_t mode = 0;                                             \
        if (flags & (O_CREAT | O_TMPFILE)) {                         \
            va_list list;                                            \
            va_start(list, flags);                                   \
            mode = va_arg(list, mode_t);                             \
            va_end(list);                                            \
        }                                                            \
        enum how what = NONE;                                        \
        if (flags & O_CREAT) what = turn(#name, path, -1);           \
        if (what == FAIL) return -1;                                 \
        if (what == TORN) die();                                     \
        int result = REAL(name)(path, flags, mode);                  \
        if (what == AFTER) die();                                    \
        return result;                                               \
    }

OPEN(open)
OPEN(open64)
