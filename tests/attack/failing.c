/* Put before the C library (LD_PRELOAD): after `attack_fail_at(n, error)` the n-th call that writes fails with that error.
   Standard streams are left alone. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/types.h>

static long left = -1;
static int reason;

void attack_fail_at(long n, int error) { left = n; reason = error; }
long attack_calls_left(void) { return left; }

static int fails(int descriptor) { return descriptor > 2 && left > 0 && --left == 0; }

#define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
#define REFUSED(descriptor) \
    if (fails(descriptor)) { errno = reason; return -1; }

ssize_t write(int descriptor, const void *data, size_t size) {
    REFUSED(descriptor)
    return NEXT(write)(descriptor, data, size);
}
int fsync(int descriptor) {
    REFUSED(descriptor)
    return NEXT(fsync)(descriptor);
}
int ftruncate64(int descriptor, off_t size) {
    REFUSED(descriptor)
    return NEXT(ftruncate64)(descriptor, size);
}
int rename(const char *from, const char *to) {
    REFUSED(3)
    return NEXT(rename)(from, to);
}
int link(const char *from, const char *to) {
    REFUSED(3)
    return NEXT(link)(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
    REFUSED(3)
    return NEXT(linkat)(a, from, b, to, flags);
}
int unlink(const char *path) {
    REFUSED(3)
    return NEXT(unlink)(path);
}
int mkdir(const char *path, mode_t mode) {
    REFUSED(3)
    return NEXT(mkdir)(path, mode);
}
int posix_fallocate64(int descriptor, off_t start, off_t size) {
    if (fails(descriptor)) return reason;
    return NEXT(posix_fallocate64)(descriptor, start, size);
}
