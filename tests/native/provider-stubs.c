/* The CUDA functions that must do something for ONNX Runtime's provider to open a session without a GPU: handles, host memory in the place of the
   device's, copies, and a device to describe. Every other name is made by build-provider-stubs.sh and returns 0. All of them count their calls, and what
   is put on a stream is counted by stream: which stream the provider works on, and how many launches a run takes, is what it really does. */
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))
#define STUB(name) EXPORT int name
#define BYTES (80ul << 30)

/* Work put on streams; each library counts its own. */
static struct { void *stream; long work; } streams[16];
static long capturing, broken, waits;

static void put(void *stream)
{
    int i = 0;
    while (i < 15 && streams[i].work && streams[i].stream != stream)
        i++;
    streams[i].stream = stream;
    streams[i].work++;
}

EXPORT long g2rl_stub_work(void *stream)
{
    for (int i = 0; i < 16; i++)
        if (streams[i].work && streams[i].stream == stream)
            return streams[i].work;
    return 0;
}

EXPORT long g2rl_stub_all_work(void)
{
    long sum = 0;
    for (int i = 0; i < 16; i++)
        sum += streams[i].work;
    return sum;
}

/* How often the host waited. */
EXPORT long g2rl_stub_waits(void) { return waits; }

/* Calls that a capture forbids. */
EXPORT long g2rl_stub_broken_captures(void) { return broken; }

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
STUB(cudaMalloc)(void **p, size_t n) { broken += capturing; return memory(p, n); }
STUB(cudaMallocHost)(void **p, size_t n) { return memory(p, n); }
STUB(cudaFree)(void *p) { broken += capturing; free(p); return 0; }
STUB(cudaStreamSynchronize)(void *s) { waits++; broken += capturing; return 0; }
STUB(cudaDeviceSynchronize)(void) { waits++; broken += capturing; return 0; }
STUB(cudaStreamBeginCapture)(void *s, int mode) { capturing = 1; return 0; }
STUB(cudaStreamEndCapture)(void *s, void **graph) { capturing = 0; return handle(graph); }
STUB(cudaStreamIsCapturing)(void *s, int *status) { *status = (int)capturing; return 0; }
STUB(cudaGraphInstantiate)(void **executable, void *graph, unsigned long long flags) { return handle(executable); }
STUB(cudaGraphLaunch)(void *executable, void *s) { put(s); return 0; }
STUB(cudaFreeHost)(void *p) { free(p); return 0; }
STUB(cudaMemcpy)(void *d, const void *s, size_t n, int kind) { put(0); memcpy(d, s, n); return 0; }
STUB(cudaMemcpyAsync)(void *d, const void *s, size_t n, int kind, void *t) { put(t); memcpy(d, s, n); return 0; }
STUB(cudaMemset)(void *d, int v, size_t n) { put(0); memset(d, v, n); return 0; }
STUB(cudaMemsetAsync)(void *d, int v, size_t n, void *t) { put(t); memset(d, v, n); return 0; }

/* A launch by <<<>>> leaves its shape and takes it back in the kernel's host function. */
struct shape { unsigned x, y, z; };
static struct { struct shape grid, block; size_t shared; void *stream; } next;

STUB(__cudaPushCallConfiguration)(struct shape g, struct shape b, size_t n, void *s)
{
    next.grid = g, next.block = b, next.shared = n, next.stream = s;
    return 0;
}

STUB(__cudaPopCallConfiguration)(struct shape *g, struct shape *b, size_t *n, void **s)
{
    *g = next.grid, *b = next.block, *n = next.shared, *s = next.stream;
    return 0;
}

STUB(__cudaLaunchKernel)(void *k, struct shape g, struct shape b, void **a, size_t n, void *s) { put(s); return 0; }
STUB(cudaLaunchKernel)(void *k, struct shape g, struct shape b, void **a, size_t n, void *s) { put(s); return 0; }
STUB(cudaLaunchCooperativeKernel)(void *k, struct shape g, struct shape b, void **a, size_t n, void *s) { put(s); return 0; }
STUB(cudaLaunchKernelExC)(void **config, void *k, void **a) { put(config[4]); return 0; }

/* A handle's first word is its stream. */
STUB(cublasSetStream_v2)(void **h, void *s) { *h = s; return 0; }
STUB(cublasGetStream_v2)(void **h, void **s) { *s = *h; return 0; }
#define PRODUCT(name) STUB(name)(void **h) { put(*h); return 0; }
STUB(cublasLtMatmul)(void *h, void *d, void *al, void *a, void *ad, void *b, void *bd, void *be, void *c, void *cd, void *o, void *od, void *g, void *w,
                     size_t n, void *s)
{
    put(s);
    return 0;
}
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
