#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "daemon.h"
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

int64_t cp_peer_uid(int descriptor) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return -1;
    if (length != sizeof peer) {
        errno = EINVAL;
        return -1;
    }
    return (int64_t)peer.uid;
}

int cp_take_read_lease(int descriptor) {
    return fcntl(descriptor, F_SETLEASE, F_RDLCK);
}

int cp_release_lease(int descriptor) {
    return fcntl(descriptor, F_SETLEASE, F_UNLCK);
}

// The kernel's struct open_how, version 0. Declared here because older headers do not have it.
struct cp_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#define CP_RESOLVE_BENEATH 0x08
#define CP_RESOLVE_NO_MAGICLINKS 0x02

int cp_open_beneath(int directory, const char *path) {
    struct cp_open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .mode = 0,
        .resolve = CP_RESOLVE_BENEATH | CP_RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
}

int cp_wake_descriptor(void) {
    return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

int cp_clone_file(int source, int target) {
    return ioctl(target, FICLONE, source);
}

int cp_pipe(int *ends) {
    return pipe2(ends, O_CLOEXEC);
}

int cp_spawn_session_flag(void) {
    return POSIX_SPAWN_SETSID;
}

int cp_sync_file_system(int descriptor) {
    return syncfs(descriptor);
}

void cp_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}

static _Thread_local char crash_pipeline[64];
static _Thread_local uint64_t crash_epoch;
static int crash_note_descriptor = -1;

void cp_crash_context(const char *pipeline, uint64_t epoch) {
    if (pipeline == NULL) {
        crash_pipeline[0] = 0;
        return;
    }
    strncpy(crash_pipeline, pipeline, sizeof crash_pipeline - 1);
    crash_epoch = epoch;
}

static size_t append_text(char *line, size_t at, size_t end, const char *text) {
    while (*text != 0 && at < end) line[at++] = *text++;
    return at;
}

static size_t append_number(char *line, size_t at, size_t end, uint64_t number) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count > 0 && at < end) line[at++] = digits[--count];
    return at;
}

// Only calls that are safe in a signal handler: write, raise.
static void leave_note(int signal_number) {
    char line[160];
    size_t end = sizeof line - 1;
    size_t at = append_text(line, 0, end, "fatal signal=");
    at = append_number(line, at, end, (uint64_t)signal_number);
    if (crash_pipeline[0] != 0) {
        at = append_text(line, at, end, " pipeline=");
        at = append_text(line, at, end, crash_pipeline);
        at = append_text(line, at, end, " epoch=");
        at = append_number(line, at, end, crash_epoch);
    }
    line[at++] = '\n';
    ssize_t ignored = write(2, line, at);
    if (crash_note_descriptor >= 0) ignored = write(crash_note_descriptor, line, at);
    (void)ignored;
    // SA_RESETHAND has put the default action back: this ends the process as it would have.
    raise(signal_number);
}

int cp_install_crash_note(const char *path) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) return -1;
    crash_note_descriptor = descriptor;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = leave_note;
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    sigemptyset(&action.sa_mask);
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
    for (size_t index = 0; index < sizeof signals / sizeof signals[0]; index++) {
        if (sigaction(signals[index], &action, NULL) != 0) return -1;
    }
    return 0;
}
