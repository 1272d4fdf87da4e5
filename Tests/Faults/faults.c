// A library to be preloaded: of the calls by which a process changes files, the Nth kills it, is cut short, or fails.
//
//   FAULT=kill:N            SIGKILL instead of the Nth call
//   FAULT=tear:N            SIGKILL after half of the Nth write
//   FAULT=ENOSPC:N          the Nth call fails so (also EIO, EDQUOT, EXDEV, ENOLCK, EMFILE); N+ for all from the Nth on
//   FAULT_CALLS=KINDS       which calls count, some of the letters below; without it, all that change something (wsncm)
//   FAULT_COUNT=FILE        writes the number of such calls into a file when the process ends
//   FAULT_CLOCK=SECONDS     the clock of the day is so much ahead
//
// Kinds: w write, pwrite, writev; s fsync, fdatasync; n rename, link, symlink, unlink, rmdir, mkdir; c open that may make
// a file; m ftruncate, fallocate, utimensat, chmod; r read, pread; l locks of fcntl.
//
// One counter serves all threads, so every call of a process has its number: a tracer (strace --inject) counts each thread
// for itself, and never reaches a call that another thread is the first to have the number of. Only files and folders
// count, not terminals and pipes, nor what is said on standard output. Programs that the process starts are left alone.

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
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static enum { NOTHING, KILL, TEAR, FAIL } fault;
static long first, last, offset;
static int number;
static const char *calls = "wsncm";
static char *count_file;
static atomic_long count;

__attribute__((constructor)) static void begin(void) {
    const char *text = getenv("FAULT");
    if (getenv("FAULT_CALLS")) calls = strdup(getenv("FAULT_CALLS"));
    if (getenv("FAULT_COUNT")) count_file = strdup(getenv("FAULT_COUNT"));
    if (getenv("FAULT_CLOCK")) offset = atol(getenv("FAULT_CLOCK"));
    if (text && strchr(text, ':')) {
        static const struct { const char *name; int number; } names[] = {
            {"ENOSPC", ENOSPC}, {"EIO", EIO},       {"EDQUOT", EDQUOT},
            {"EXDEV", EXDEV},   {"ENOLCK", ENOLCK}, {"EMFILE", EMFILE},
        };
        const char *at = strchr(text, ':') + 1;
        size_t length = at - 1 - text;
        if (!strncmp(text, "kill", length)) fault = KILL;
        if (!strncmp(text, "tear", length)) fault = TEAR;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            if (strlen(names[i].name) == length && !strncmp(text, names[i].name, length)) {
                fault = FAIL;
                number = names[i].number;
            }
        first = atol(at);
        last = text[strlen(text) - 1] == '+' ? __LONG_MAX__ : first;
        if (fault == NOTHING || first < 1) {
            fprintf(stderr, "faults: FAULT=%s is not understood\n", text);
            _exit(125);
        }
    }
    unsetenv("LD_PRELOAD");
}

__attribute__((destructor)) static void end(void) {
    if (!count_file) return;
    char text[32];
    int length = snprintf(text, sizeof text, "%ld\n", atomic_load(&count));
    int file = syscall(SYS_openat, AT_FDCWD, count_file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (file >= 0 && syscall(SYS_write, file, text, length) == length) syscall(SYS_close, file);
}

// 0: go on; 1: fail, errno is set; 2: do half of it and call `die`.
static int strikes(char kind) {
    if (!strchr(calls, kind)) return 0;
    long now = atomic_fetch_add(&count, 1) + 1;
    if (fault == NOTHING || now < first || now > last) return 0;
    if (fault == TEAR && kind == 'w') return 2;
    if (fault != FAIL) kill(getpid(), SIGKILL);
    errno = number;
    return 1;
}

static void die(void) { kill(getpid(), SIGKILL); }

static int is_file(int descriptor) {
    struct stat status;
    int before = errno;
    int known = descriptor > 2 && fstat(descriptor, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode));
    errno = before;
    return known;
}

#define REAL(name) \
    static __typeof__(name) *real; \
    if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name);

// A function whose arguments are handed on as they are.
#define PLAIN(kind, type, name, parameters, arguments) \
    type name parameters { \
        REAL(name) \
        if (strikes(kind)) return -1; \
        return real arguments; \
    }

#define ON_FILE(kind, type, name, parameters, arguments) \
    type name parameters { \
        REAL(name) \
        if (is_file(file) && strikes(kind)) return -1; \
        return real arguments; \
    }

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write)
    int strike = is_file(file) ? strikes('w') : 0;
    if (strike == 1) return -1;
    ssize_t written = real(file, bytes, strike ? size / 2 : size);
    if (strike) die();
    return written;
}

#define PWRITE(name, off) \
    ssize_t name(int file, const void *bytes, size_t size, off place) { \
        REAL(name) \
        int strike = is_file(file) ? strikes('w') : 0; \
        if (strike == 1) return -1; \
        ssize_t written = real(file, bytes, strike ? size / 2 : size, place); \
        if (strike) die(); \
        return written; \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ON_FILE('w', ssize_t, writev, (int file, const struct iovec *parts, int number), (file, parts, number))

ON_FILE('s', int, fsync, (int file), (file))
ON_FILE('s', int, fdatasync, (int file), (file))

PLAIN('n', int, rename, (const char *from, const char *to), (from, to))
PLAIN('n', int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))
PLAIN('n', int, renameat2, (int a, const char *from, int b, const char *to, unsigned flags), (a, from, b, to, flags))
PLAIN('n', int, link, (const char *from, const char *to), (from, to))
PLAIN('n', int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
PLAIN('n', int, symlink, (const char *text, const char *path), (text, path))
PLAIN('n', int, unlink, (const char *path), (path))
PLAIN('n', int, unlinkat, (int folder, const char *path, int flags), (folder, path, flags))
PLAIN('n', int, rmdir, (const char *path), (path))
PLAIN('n', int, mkdir, (const char *path, mode_t mode), (path, mode))
PLAIN('n', int, mkdirat, (int folder, const char *path, mode_t mode), (folder, path, mode))

ON_FILE('m', int, ftruncate, (int file, off_t size), (file, size))
ON_FILE('m', int, ftruncate64, (int file, off64_t size), (file, size))
ON_FILE('m', int, fchmod, (int file, mode_t mode), (file, mode))
PLAIN('m', int, chmod, (const char *path, mode_t mode), (path, mode))
PLAIN('m', int, utimensat, (int folder, const char *path, const struct timespec times[2], int flags),
      (folder, path, times, flags))

int posix_fallocate(int file, off_t place, off_t size) {
    REAL(posix_fallocate)
    if (is_file(file) && strikes('m')) return errno;
    return real(file, place, size);
}

int posix_fallocate64(int file, off64_t place, off64_t size) {
    REAL(posix_fallocate64)
    if (is_file(file) && strikes('m')) return errno;
    return real(file, place, size);
}

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name) \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list); \
        if (flags & O_CREAT && strikes('c')) return -1; \
        return real(path, flags, mode); \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name) \
        va_list list; \
        va_start(list, flags); \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(list, mode_t) : 0; \
        va_end(list); \
        if (flags & O_CREAT && strikes('c')) return -1; \
        return real(folder, path, flags, mode); \
    }
OPENAT(openat)
OPENAT(openat64)

ON_FILE('r', ssize_t, read, (int file, void *bytes, size_t size), (file, bytes, size))
ON_FILE('r', ssize_t, pread, (int file, void *bytes, size_t size, off_t place), (file, bytes, size, place))
ON_FILE('r', ssize_t, pread64, (int file, void *bytes, size_t size, off64_t place), (file, bytes, size, place))

#define FCNTL(name) \
    int name(int file, int command, ...) { \
        REAL(name) \
        va_list list; \
        va_start(list, command); \
        void *argument = va_arg(list, void *); \
        va_end(list); \
        int locks = command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK || command == F_OFD_SETLKW; \
        if (locks && strikes('l')) return -1; \
        return real(file, command, argument); \
    }
FCNTL(fcntl)
FCNTL(fcntl64)

int clock_gettime(clockid_t clock, struct timespec *time) {
    REAL(clock_gettime)
    int result = real(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(gettimeofday)
    int result = real(now, zone);
    if (result == 0) now->tv_sec += offset;
    return result;
}

time_t time(time_t *place) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (place) *place = now.tv_sec;
    return now.tv_sec;
}
