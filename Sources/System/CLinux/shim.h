// Calls of Linux that its C library shows to programs with _GNU_SOURCE only, which Swift's module of it is not built with.

#include <sys/types.h>

/// Asks the disk to take dirty pages; see sync_file_range(2).
extern int sync_file_range(int descriptor, off_t offset, off_t count, unsigned int flags);

/// SYNC_FILE_RANGE_WRITE: without waiting for it.
enum { motrans_sync_file_range_write = 2 };
