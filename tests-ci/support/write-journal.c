/*
 * Preloaded into a process, writes down in one file everything that the process does to chosen files, in one
 * order: writes with their bytes, changes of length, and flushes with where each began. From that a test
 * builds what a disk may hold after a power cut: all that was flushed, and anything of what was not.
 *
 *   MENDLOG_JOURNAL        the file to write
 *   MENDLOG_JOURNAL_FOLDER files below this folder are watched
 *
 * A record: op u8 | durable u8 | path bytes u16 | data bytes u32 | number u64 | path | data; little-endian.
 *   op 1 write: number is the offset. op 2 truncate: number is the length.
 *   op 3 flush ended: number is the journal's length when it began.
 * A write through a descriptor that was opened with O_DSYNC is durable by itself.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MAX 4096
#define PATH_BYTES_MAX 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static uint64_t journal_length;
static char folder[PATH_BYTES_MAX];
static char *paths[FILES_MAX];
static int durable[FILES_MAX];

static int (*real_open)(const char *, int, ...);
static int (*real_close)(int);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off64_t);
static int (*real_fdatasync)(int);
static int (*real_fsync)(int);
static int (*real_ftruncate)(int, off64_t);

static void prepare(void) {
  if (real_open) return;
  real_close = dlsym(RTLD_NEXT, "close");
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  real_open = dlsym(RTLD_NEXT, "open64");
  const char *path = getenv("MENDLOG_JOURNAL");
  const char *below = getenv("MENDLOG_JOURNAL_FOLDER");
  if (!path || !below) return;
  strncpy(folder, below, PATH_BYTES_MAX - 1);
  journal = real_open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
}

static int is_watched(int fd) { return journal >= 0 && fd >= 0 && fd < FILES_MAX && paths[fd] != NULL; }

/* The lock is held. */
static void put(int fd, uint8_t op, uint64_t number, const struct iovec *data, int count) {
  uint32_t data_bytes = 0;
  for (int i = 0; i < count; i++) data_bytes += (uint32_t)data[i].iov_len;
  uint16_t path_bytes = (uint16_t)strlen(paths[fd]);
  unsigned char head[16];
  head[0] = op;
  head[1] = (unsigned char)durable[fd];
  memcpy(head + 2, &path_bytes, 2);
  memcpy(head + 4, &data_bytes, 4);
  memcpy(head + 8, &number, 8);
  struct iovec all[2 + count];
  all[0] = (struct iovec){head, sizeof head};
  all[1] = (struct iovec){paths[fd], path_bytes};
  for (int i = 0; i < count; i++) all[2 + i] = data[i];
  size_t whole = sizeof head + path_bytes + data_bytes;
  if (real_writev(journal, all, 2 + count) != (ssize_t)whole) abort();
  journal_length += whole;
}

static int opened(int fd, const char *path, int flags) {
  if (fd < 0 || fd >= FILES_MAX || journal < 0) return fd;
  if (strncmp(path, folder, strlen(folder)) != 0) return fd;
  pthread_mutex_lock(&lock);
  free(paths[fd]);
  paths[fd] = strdup(path + strlen(folder));
  durable[fd] = (flags & O_DSYNC) == O_DSYNC;
  pthread_mutex_unlock(&lock);
  return fd;
}

static int open_any(const char *path, int flags, mode_t mode) {
  prepare();
  return opened(real_open(path, flags, mode), path, flags);
}

int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_any(path, flags, mode);
}

int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & O_CREAT) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  return open_any(path, flags, mode);
}

int close(int fd) {
  prepare();
  if (is_watched(fd)) {
    pthread_mutex_lock(&lock);
    free(paths[fd]);
    paths[fd] = NULL;
    pthread_mutex_unlock(&lock);
  }
  return real_close(fd);
}

ssize_t write(int fd, const void *data, size_t length) {
  prepare();
  if (!is_watched(fd)) return real_write(fd, data, length);
  pthread_mutex_lock(&lock);
  off64_t at = lseek64(fd, 0, SEEK_CUR);
  ssize_t written = real_write(fd, data, length);
  struct iovec piece = {(void *)data, written > 0 ? (size_t)written : 0};
  if (written > 0) put(fd, 1, (uint64_t)at, &piece, 1);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
  prepare();
  if (!is_watched(fd)) return real_writev(fd, pieces, count);
  pthread_mutex_lock(&lock);
  off64_t at = lseek64(fd, 0, SEEK_CUR);
  ssize_t written = real_writev(fd, pieces, count);
  size_t whole = 0;
  for (int i = 0; i < count; i++) whole += pieces[i].iov_len;
  /* A short write would need its pieces cut. */
  if (written >= 0 && (size_t)written != whole) abort();
  if (written > 0) put(fd, 1, (uint64_t)at, pieces, count);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
  prepare();
  if (!is_watched(fd)) return real_pwrite(fd, data, length, at);
  pthread_mutex_lock(&lock);
  ssize_t written = real_pwrite(fd, data, length, at);
  struct iovec piece = {(void *)data, written > 0 ? (size_t)written : 0};
  if (written > 0) put(fd, 1, (uint64_t)at, &piece, 1);
  pthread_mutex_unlock(&lock);
  return written;
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at) { return pwrite64(fd, data, length, at); }

static int flushed(int fd, int (*flush)(int)) {
  if (!is_watched(fd)) return flush(fd);
  pthread_mutex_lock(&lock);
  uint64_t began = journal_length;
  pthread_mutex_unlock(&lock);
  int result = flush(fd);
  pthread_mutex_lock(&lock);
  if (result == 0 && is_watched(fd)) put(fd, 3, began, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int fdatasync(int fd) {
  prepare();
  return flushed(fd, real_fdatasync);
}

int fsync(int fd) {
  prepare();
  return flushed(fd, real_fsync);
}

int ftruncate64(int fd, off64_t length) {
  prepare();
  if (!is_watched(fd)) return real_ftruncate(fd, length);
  pthread_mutex_lock(&lock);
  int result = real_ftruncate(fd, length);
  if (result == 0) put(fd, 2, (uint64_t)length, NULL, 0);
  pthread_mutex_unlock(&lock);
  return result;
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
