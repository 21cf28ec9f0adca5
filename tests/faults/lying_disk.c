/* A disk that drops what it was given. Preloaded into a process, it lets one sync of a file fail, as soon as the order
 * for that is there, and takes everything back that was written to the file since its last good sync: what Linux may do
 * to dirty pages after an I/O error. Syncs after it succeed.
 *
 * LYING_DISK_FILE: the file's path. LYING_DISK_ORDER: a file that is removed when the order was carried out.
 * LYING_DISK_SLOW: the beginning of the paths of files whose every write takes 20 ms. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct change {
  struct change* before; /* an older one */
  off_t offset;
  ssize_t size; /* of the old bytes */
  off_t file_size;
  char bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct change* changes;

static ssize_t (*next_pwrite)(int, const void*, size_t, off_t);
static int (*next_fdatasync)(int);
static int (*next_fsync)(int);

__attribute__((constructor)) static void find_next(void) {
  *(void**)&next_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  *(void**)&next_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  *(void**)&next_fsync = dlsym(RTLD_NEXT, "fsync");
}

static int path_of(int fd, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  const ssize_t length = readlink(link, path, PATH_MAX - 1);
  if (length >= 0) path[length] = '\0';
  return length >= 0;
}

static int is_the_file(int fd) {
  const char* file = getenv("LYING_DISK_FILE");
  char path[PATH_MAX];
  return file != NULL && path_of(fd, path) && strcmp(path, file) == 0;
}

static void take_time(int fd) {
  const char* slow = getenv("LYING_DISK_SLOW");
  char path[PATH_MAX];
  if (slow != NULL && path_of(fd, path) && strncmp(path, slow, strlen(slow)) == 0) usleep(20000);
}

static void remember(int fd, size_t size, off_t offset) {
  struct stat info;
  struct change* change = malloc(sizeof *change + size);
  if (change == NULL || fstat(fd, &info) != 0) abort();
  change->offset = offset;
  change->file_size = info.st_size;
  change->size = pread(fd, change->bytes, size, offset);
  change->before = changes;
  changes = change;
}

static void forget(int fd, int take_back) {
  while (changes != NULL) {
    struct change* change = changes;
    if (take_back) {
      if (change->size > 0 && next_pwrite(fd, change->bytes, (size_t)change->size, change->offset) != change->size) abort();
      if (ftruncate(fd, change->file_size) != 0) abort();
    }
    changes = change->before;
    free(change);
  }
}

static ssize_t watched_write(int fd, const void* bytes, size_t size, off_t offset) {
  take_time(fd);
  if (!is_the_file(fd)) return next_pwrite(fd, bytes, size, offset);
  pthread_mutex_lock(&lock);
  remember(fd, size, offset);
  const ssize_t written = next_pwrite(fd, bytes, size, offset);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) { return watched_write(fd, bytes, size, offset); }
ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t offset) { return watched_write(fd, bytes, size, offset); }

static int watched_sync(int fd, int (*next)(int)) {
  if (!is_the_file(fd)) return next(fd);
  const char* order = getenv("LYING_DISK_ORDER");
  pthread_mutex_lock(&lock);
  const int lies = changes != NULL && order != NULL && unlink(order) == 0;
  forget(fd, lies);
  const int result = lies ? -1 : next(fd);
  pthread_mutex_unlock(&lock);
  if (lies) errno = EIO;
  return result;
}

int fdatasync(int fd) { return watched_sync(fd, next_fdatasync); }
int fsync(int fd) { return watched_sync(fd, next_fsync); }
