/* The CUDA driver as Triton needs it to compile, load and launch a kernel on a GPU that is not there. */
#include <stddef.h>

extern void stand_in_launched(void);
static int context;

#define NOTHING(name) int name() { return 0; }
#define LAUNCH(name) int name() { stand_in_launched(); return 0; }

int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int number) { *device = number; return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetAttribute(int *value, int which, int device) {
  switch (which) {
    case 1: *value = 1024; break;                 /* threads a block */
    case 8: *value = 49152; break;                /* shared memory a block */
    case 10: *value = 32; break;                  /* threads a warp */
    case 12: case 82: *value = 65536; break;      /* registers */
    case 16: *value = 132; break;                 /* multiprocessors */
    case 75: *value = 9; break;                   /* compute capability */
    case 76: *value = 0; break;
    case 97: *value = 232448; break;              /* shared memory a block, at most */
    default: *value = 1;
  }
  return 0;
}
int cuCtxGetCurrent(void **current) { *current = &context; return 0; }
int cuCtxGetDevice(int *device) { *device = 0; return 0; }
int cuCtxGetLimit(size_t *value, int which) { *value = 1 << 20; return 0; }
int cuDevicePrimaryCtxRetain(void **current, int device) { *current = &context; return 0; }
int cuDevicePrimaryCtxGetState(int device, unsigned *flags, int *active) { *flags = 0; *active = 1; return 0; }
int cuModuleLoadData(void **module, const void *image) { *module = &context; return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) { *function = &context; return 0; }
int cuFuncGetAttribute(int *value, int which, void *function) { *value = which ? (which == 4 ? 32 : 0) : 1024; return 0; }
int cuPointerGetAttribute(void *value, int which, unsigned long long memory) { *(unsigned long long *)value = memory; return 0; }
int cuGetErrorString(int error, const char **text) { *text = "stand-in"; return 0; }
int cuGetErrorName(int error, const char **text) { *text = "stand-in"; return 0; }
int cuGetProcAddress(const char *name, void **function, int version, unsigned long long flags) { *function = NULL; return 500; }
int cuGetProcAddress_v2(const char *name, void **function, int version, unsigned long long flags, int *found) { *function = NULL; return 500; }
int cuOccupancyMaxActiveClusters(int *count, void *function, void *configuration) { *count = 132; return 0; }
NOTHING(cuInit)
NOTHING(cuCtxSetCurrent)
NOTHING(cuCtxSetLimit)
NOTHING(cuModuleUnload)
NOTHING(cuFuncSetAttribute)
NOTHING(cuFuncSetCacheConfig)
NOTHING(cuTensorMapEncodeTiled)
NOTHING(cuTensorMapEncodeIm2col)
LAUNCH(cuLaunchKernel)
LAUNCH(cuLaunchKernelEx)
