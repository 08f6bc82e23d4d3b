/* The calls of the CUDA runtime, cuBLAS and cuDNN that do nothing here but count, whatever they are passed; no header
   declares them, since C then lets a call pass what it likes. Convolutions are in stand_in.py. */
#include <stdlib.h>

enum { KERNELS, TRITON, COPIES_IN, COPIES_OUT, PAGEABLE, WAITS, EVENTS };
enum { CAPTURE_UNSUPPORTED = 900 };
extern long seen[EVENTS];
extern int capturing;

#define NOTHING(name) int name() { return 0; }
/* Nothing may wait for a graph that is being recorded; what it launches then counts once it is replayed, as one. */
#define WAIT(name) int name() { if (capturing) return CAPTURE_UNSUPPORTED; seen[WAITS]++; return 0; }
#define LAUNCH(name) int name() { seen[KERNELS] += !capturing; return 0; }
#define HANDLE(name) int name(void **handle) { *handle = calloc(1, 1024); return 0; }

NOTHING(cudaDeviceGetDefaultMemPool)
NOTHING(cudaGetLastError)
NOTHING(cudaPeekAtLastError)
NOTHING(cudaMemcpyToSymbol)
NOTHING(cudaStreamQuery)
NOTHING(cudaStreamWaitEvent)
NOTHING(cudaThreadExchangeStreamCaptureMode)
NOTHING(cudaEventQuery)
NOTHING(cudaEventRecord)
NOTHING(cudaEventRecordWithFlags)
NOTHING(cudaEventDestroy)
NOTHING(cudaFuncSetAttribute)
WAIT(cudaDeviceSynchronize)
WAIT(cudaStreamSynchronize)
WAIT(cudaEventSynchronize)
LAUNCH(cudaLaunchKernel)
LAUNCH(cudaLaunchKernelExC)
LAUNCH(__cudaLaunchKernel)
LAUNCH(__cudaLaunchKernel_ptsz)
LAUNCH(cudaGraphLaunch)
NOTHING(cudaGraphDestroy)
NOTHING(cudaGraphExecDestroy)
NOTHING(cudaGraphUpload)
NOTHING(cudaGraphRetainUserObject)
NOTHING(cudaUserObjectCreate)

HANDLE(cublasCreate_v2)
NOTHING(cublasDestroy_v2)
NOTHING(cublasSetStream_v2)
NOTHING(cublasSetWorkspace_v2)
NOTHING(cublasSetMathMode)
NOTHING(cublasSetPointerMode_v2)
LAUNCH(cublasSgemm_v2)
LAUNCH(cublasSgemmEx)
LAUNCH(cublasSgemv_v2)
LAUNCH(cublasGemmEx)
LAUNCH(cublasSdot_v2)
LAUNCH(cublasSaxpy_v2)
LAUNCH(cublasSscal_v2)
LAUNCH(cublasSgemmStridedBatched)
LAUNCH(cublasDgemm_v2)
LAUNCH(cublasDgemv_v2)
LAUNCH(cublasDgemmStridedBatched)
LAUNCH(cublasGemmStridedBatchedEx)
int cublasGetMathMode(void *handle, int *mode) { *mode = 0; return 0; }
int cublasGetPointerMode_v2(void *handle, int *mode) { *mode = 0; return 0; }

HANDLE(cublasLtMatmulDescCreate)
HANDLE(cublasLtMatrixLayoutCreate)
HANDLE(cublasLtMatmulPreferenceCreate)
NOTHING(cublasLtMatmulDescDestroy)
NOTHING(cublasLtMatrixLayoutDestroy)
NOTHING(cublasLtMatmulPreferenceDestroy)
NOTHING(cublasLtMatmulDescSetAttribute)
NOTHING(cublasLtMatrixLayoutSetAttribute)
NOTHING(cublasLtMatmulPreferenceSetAttribute)
LAUNCH(cublasLtMatmul)
int cublasLtMatmulAlgoGetHeuristic(
    void *handle, void *what, void *a, void *b, void *c, void *d, void *preference, int wanted, void *algorithms, int *found) {
  *found = 1;
  return 0;
}

HANDLE(cudnnCreate)
NOTHING(cudnnDestroy)
NOTHING(cudnnSetStream)
