/* The calls of the CUDA runtime that tell something, for a GPU that is not there: memory is the host's, copies are made.
   STAND_IN_GPUS and STAND_IN_BYTES say how many devices there are, and what each of them holds. */
#include <cuda_runtime_api.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { KERNELS, TRITON, COPIES_IN, COPIES_OUT, PAGEABLE, WAITS, EVENTS };
enum { PINNED = 4096 };
long seen[EVENTS];
int capturing;
/* Of the capture under way: torch finds the graph by it, and forgets that of an earlier one when it is collected. */
static unsigned long long captures;
static struct { char *first; size_t bytes; } pinned[PINNED];
static long held;
static int device;

void stand_in_seen(long *into) { memcpy(into, seen, sizeof seen); }
void stand_in_launched(void) { seen[KERNELS] += !capturing; seen[TRITON] += !capturing; }
int stand_in_captures(void) { return capturing; }

static long number(const char *name, long otherwise) { return getenv(name) ? atol(getenv(name)) : otherwise; }
static int devices(void) { return number("STAND_IN_GPUS", 1); }
static long capacity(void) { return number("STAND_IN_BYTES", 80L << 30); }

/* Devices */
cudaError_t cudaGetDeviceCount(int *count) { *count = devices(); return *count ? 0 : cudaErrorNoDevice; }
cudaError_t cudaGetDevice(int *number) { *number = device; return 0; }
cudaError_t cudaSetDevice(int number) { if (number >= devices()) return cudaErrorInvalidDevice; device = number; return 0; }
cudaError_t cudaDriverGetVersion(int *version) { *version = CUDART_VERSION; return 0; }
cudaError_t cudaRuntimeGetVersion(int *version) { *version = CUDART_VERSION; return 0; }
cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *is, int number) {
  memset(is, 0, sizeof *is);
  strcpy(is->name, "Stand-in GPU");
  is->totalGlobalMem = capacity();
  is->major = 9;
  is->warpSize = 32;
  is->multiProcessorCount = 132;
  is->maxThreadsPerBlock = is->maxThreadsDim[0] = is->maxThreadsDim[1] = 1024;
  is->maxThreadsDim[2] = 64;
  is->maxGridSize[0] = 2147483647;
  is->maxGridSize[1] = is->maxGridSize[2] = 65535;
  is->maxThreadsPerMultiProcessor = 2048;
  is->maxBlocksPerMultiProcessor = 32;
  is->regsPerBlock = is->regsPerMultiprocessor = 65536;
  is->sharedMemPerBlock = 49152;
  is->sharedMemPerBlockOptin = 232448;
  is->sharedMemPerMultiprocessor = 233472;
  is->l2CacheSize = 50 << 20;
  is->textureAlignment = 512;
  is->unifiedAddressing = 1;
  return 0;
}
cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr which, int number) {
  switch (which) {
    case cudaDevAttrComputeCapabilityMajor: *value = 9; break;
    case cudaDevAttrMultiProcessorCount: *value = 132; break;
    case cudaDevAttrWarpSize: *value = 32; break;
    case cudaDevAttrMaxThreadsPerBlock: *value = 1024; break;
    case cudaDevAttrMaxThreadsPerMultiProcessor: *value = 2048; break;
    case cudaDevAttrMaxSharedMemoryPerBlock: *value = 49152; break;
    case cudaDevAttrMaxSharedMemoryPerBlockOptin: *value = 232448; break;
    case cudaDevAttrMaxGridDimX: *value = 2147483647; break;
    default: *value = 0;
  }
  return 0;
}
cudaError_t cudaDeviceCanAccessPeer(int *can, int from, int to) { *can = 0; return 0; }
cudaError_t cudaDeviceGetPCIBusId(char *id, int length, int number) { id[0] = 0; return 0; }
const char *cudaGetErrorString(cudaError_t error) { return error == cudaErrorInvalidDevice ? "invalid device ordinal" : "stand-in"; }
const char *cudaGetErrorName(cudaError_t error) { return "stand-in"; }

/* The driver's functions that torch looks up by name */
static int nothing(void) { return 0; }
static int context_is_active(int number, unsigned *flags, int *active) { *flags = 0; *active = 1; return 0; }
cudaError_t cudaGetDriverEntryPointByVersion(
    const char *name, void **function, unsigned version, unsigned long long flags, enum cudaDriverEntryPointQueryResult *found) {
  if (found) *found = 0;
  *function = strcmp(name, "cuDevicePrimaryCtxGetState") ? (void *)nothing : (void *)context_is_active;
  return 0;
}
#if CUDART_VERSION < 13000
cudaError_t cudaGetDriverEntryPoint(
    const char *name, void **function, unsigned long long flags, enum cudaDriverEntryPointQueryResult *found) {
  return cudaGetDriverEntryPointByVersion(name, function, CUDART_VERSION, flags, found);
}
#endif

/* Memory */
cudaError_t cudaMemGetInfo(size_t *available, size_t *total) { *available = capacity() - held; *total = capacity(); return 0; }
cudaError_t cudaMalloc(void **memory, size_t bytes) {
  if (held + (long)bytes > capacity() || posix_memalign(memory, 2 << 20, bytes)) return cudaErrorMemoryAllocation;
  held += malloc_usable_size(*memory);
  memset(*memory, 0, bytes < (64 << 20) ? bytes : 64 << 20);
  return 0;
}
cudaError_t cudaFree(void *memory) { held -= malloc_usable_size(memory); free(memory); return 0; }
static int slot_of(const char *memory) {
  int slot = 0;
  while (slot < PINNED && !(pinned[slot].first <= memory && memory < pinned[slot].first + pinned[slot].bytes)) slot++;
  return slot;
}
cudaError_t cudaHostAlloc(void **memory, size_t bytes, unsigned flags) {
  int slot = 0;
  while (slot < PINNED && pinned[slot].bytes) slot++;
  if (slot == PINNED) return cudaErrorMemoryAllocation;
  *memory = pinned[slot].first = calloc(1, bytes);
  pinned[slot].bytes = bytes;
  return 0;
}
cudaError_t cudaFreeHost(void *memory) { pinned[slot_of(memory)].bytes = 0; free(memory); return 0; }
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind, cudaStream_t stream) {
  seen[COPIES_IN] += kind == cudaMemcpyHostToDevice;
  seen[COPIES_OUT] += kind == cudaMemcpyDeviceToHost;
  if (kind == cudaMemcpyHostToDevice) seen[PAGEABLE] += slot_of(from) == PINNED;
  if (kind == cudaMemcpyDeviceToHost) seen[PAGEABLE] += slot_of(to) == PINNED;
  memcpy(to, from, bytes);
  return 0;
}
cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, enum cudaMemcpyKind kind) {
  seen[WAITS]++;
  return cudaMemcpyAsync(to, from, bytes, kind, 0);
}
cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes, cudaStream_t stream) { memset(to, value, bytes); return 0; }
cudaError_t cudaMemset(void *to, int value, size_t bytes) { memset(to, value, bytes); return 0; }
cudaError_t cudaPointerGetAttributes(struct cudaPointerAttributes *are, const void *memory) { memset(are, 0, sizeof *are); return 0; }
cudaError_t cudaGetSymbolAddress(void **memory, const void *symbol) { static char bytes[1 << 20]; *memory = bytes; return 0; }

/* Streams and events */
cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) { *least = 0; *greatest = -5; return 0; }
cudaError_t cudaStreamCreateWithPriority(cudaStream_t *stream, unsigned flags, int priority) { *stream = (void *)2; return 0; }
cudaError_t cudaStreamIsCapturing(cudaStream_t stream, enum cudaStreamCaptureStatus *is) { *is = capturing; return 0; }
#if CUDART_VERSION < 13000
#define EDGES
#else
#define EDGES const cudaGraphEdgeData **edges,
#endif
cudaError_t cudaStreamGetCaptureInfo(
    cudaStream_t stream, enum cudaStreamCaptureStatus *is, unsigned long long *id, cudaGraph_t *graph,
    const cudaGraphNode_t **nodes, EDGES size_t *count) {
  *is = capturing;
  if (id) *id = capturing ? captures : 0;
  return 0;
}
cudaError_t cudaEventCreate(cudaEvent_t *event) { *event = (void *)1; return 0; }
cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags) { *event = (void *)1; return 0; }
cudaError_t cudaEventElapsedTime(float *milliseconds, cudaEvent_t from, cudaEvent_t to) { *milliseconds = 1; return 0; }

/* Graphs: what is recorded is launched as one */
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode) { capturing = 1; captures++; return 0; }
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph) { capturing = 0; *graph = (void *)4; return 0; }
cudaError_t cudaGraphInstantiate(cudaGraphExec_t *ready, cudaGraph_t graph, unsigned long long flags) { *ready = (void *)5; return 0; }
cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *ready, cudaGraph_t graph, unsigned long long flags) { *ready = (void *)5; return 0; }
cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count) { *count = 1; return 0; }

/* Kernels */
cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *are, const void *kernel) {
  memset(are, 0, sizeof *are);
  are->maxThreadsPerBlock = 1024;
  are->numRegs = 32;
  return 0;
}
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *kernel, int threads, size_t shared) { *blocks = 2; return 0; }
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *blocks, const void *kernel, int threads, size_t shared, unsigned flags) { *blocks = 2; return 0; }
