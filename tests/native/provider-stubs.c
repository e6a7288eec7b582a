/* The CUDA functions that must do something for ONNX Runtime's provider to open a session without a GPU: handles, host memory in the place of the
   device's, copies, and a device to describe. Every other name is made by build-provider-stubs.sh and returns 0. */
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define STUB(name) EXPORT int name
#define BYTES (80ul << 30)

static int handle(void **p)
{
    *p = calloc(1, 64);
    return *p == 0;
}

static int memory(void **p, size_t n)
{
    *p = calloc(1, n ? n : 1);
    return *p == 0;
}

STUB(cublasCreate_v2)(void **p) { return handle(p); }
STUB(cublasLtCreate)(void **p) { return handle(p); }
STUB(cudnnCreate)(void **p) { return handle(p); }
STUB(cudaStreamCreate)(void **p) { return handle(p); }
STUB(cudaStreamCreateWithFlags)(void **p, unsigned f) { return handle(p); }
STUB(cudaEventCreateWithFlags)(void **p, unsigned f) { return handle(p); }
STUB(cudaMalloc)(void **p, size_t n) { return memory(p, n); }
STUB(cudaMallocHost)(void **p, size_t n) { return memory(p, n); }
STUB(cudaFree)(void *p) { free(p); return 0; }
STUB(cudaFreeHost)(void *p) { free(p); return 0; }
STUB(cudaMemcpy)(void *d, const void *s, size_t n) { memcpy(d, s, n); return 0; }
STUB(cudaMemcpyAsync)(void *d, const void *s, size_t n) { memcpy(d, s, n); return 0; }
STUB(cudaMemset)(void *d, int v, size_t n) { memset(d, v, n); return 0; }
STUB(cudaMemsetAsync)(void *d, int v, size_t n) { memset(d, v, n); return 0; }
STUB(cudaGetDeviceCount)(int *n) { *n = 1; return 0; }
STUB(cudaGetDevice)(int *n) { *n = 0; return 0; }
STUB(cudaMemGetInfo)(size_t *f, size_t *t) { *f = *t = BYTES; return 0; }

/* struct cudaDeviceProp of CUDA 13: name, then at these offsets totalGlobalMem, warpSize, maxThreadsPerBlock. */
STUB(cudaGetDeviceProperties)(char *p, int d)
{
    memset(p, 0, 1008);
    strcpy(p, "stub");
    *(size_t *)(p + 288) = BYTES;
    *(int *)(p + 308) = 32;
    *(int *)(p + 320) = 1024;
    return 0;
}

EXPORT const char *cudaGetErrorString(int e) { return "stub"; }
EXPORT const char *cudaGetErrorName(int e) { return "stub"; }
EXPORT void **__cudaRegisterFatBinary(void *p)
{
    static void *h[4];
    return h;
}
