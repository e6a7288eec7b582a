// A stand-in for NVIDIA's libcuda.so.1: the part of the driver API that the project calls, over host memory and the kernels that build-host.sh compiles.
// As on a device, work is queued and happens later: at the latest when somebody waits, so that who reads without waiting reads old bytes. A launch takes
// its arguments' bytes by the widths that the PTX declares. Fresh memory is all ones, which is NaN, and lies against a page that faults.
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <sys/mman.h>
#include <vector>

#define API extern "C" __attribute__((visibility("default"))) int
#define CONTROL extern "C" __attribute__((visibility("default"))) long long

namespace
{
enum Result
{
    Success = 0,
    InvalidValue = 1,
    OutOfMemory = 2,
    NotInitialized = 3,
    NoDevice = 100,
    InvalidDevice = 101,
    InvalidImage = 200,
    InvalidContext = 201,
    NoBinary = 209,
    InvalidPtx = 218,
    NotFound = 500,
    NotReady = 600,
    IllegalAddress = 700
};

typedef uint64_t Pointer;
typedef const char *(*LaunchOnHost)(const char *, int, int, int, int, int, int, void **);

struct Block
{
    size_t bytes;
    char *mapping;
    size_t mapped;
};

struct Module
{
    std::string text;
};

struct Function
{
    std::string name;
    std::vector<size_t> widths;
    unsigned max_threads;
    unsigned shared = 48 * 1024; // dynamic, that a block may take
};

struct Event
{
    bool recorded;
    double milliseconds;
};

// What a test sets: see g2rl_standin_set.
long long devices = 1, version = 13000, total_memory = 1LL << 30, capability = 80, init_result = Success, fail_launch = 0;

std::recursive_mutex gate;
bool initialized;
int sticky, context, launches;
thread_local void *current;
std::map<Pointer, Block> blocks;
std::map<char *, Block> retired; // given back in this context, by where they lay
std::map<char *, size_t> locked;
std::set<void *> streams, events;
std::vector<std::function<int()>> queue;
LaunchOnHost launch_on_host;
std::string host_fault;
size_t used, leaked;
int retained;

bool on_device(Pointer p, size_t n)
{
    auto next = blocks.upper_bound(p);
    if (next == blocks.begin())
        return false;
    --next;
    return p + n <= next->first + next->second.bytes;
}

bool page_locked(const void *p, size_t n)
{
    auto next = locked.upper_bound((char *)p);
    if (next == locked.begin())
        return false;
    --next;
    return (char *)p + n <= next->first + next->second;
}

int usable()
{
    if (!current)
        return InvalidContext;
    return sticky;
}

bool was_given_back(char *p)
{
    auto next = retired.upper_bound(p);
    if (next == retired.begin())
        return false;
    const Block &block = (--next)->second;
    return p < block.mapping + block.mapped;
}

// Does all that is queued. A kernel's fault stays with the context, as it does on a device.
int drain()
{
    auto work = std::move(queue);
    queue.clear();
    for (auto &step : work)
        if (!sticky)
            sticky = step();
    return sticky;
}

int enqueue(void *stream, std::function<int()> step)
{
    if (const int fault = usable())
        return fault;
    if (stream && !streams.count(stream))
        return InvalidValue;
    queue.push_back(std::move(step));
    return Success;
}

double now()
{
    return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Widths of an entry's parameters: the number in .u64, .f32 and the like.
bool read_entry(const std::string &text, const char *name, Function &f)
{
    const size_t entry = text.find(".entry " + std::string(name) + "(");
    if (entry == std::string::npos)
        return false;
    const size_t end = text.find(')', entry), body = text.find('{', end);
    f.name = name;
    for (size_t at = entry; (at = text.find(".param .", at)) < end; at++)
        f.widths.push_back(std::atoi(text.c_str() + at + 9) / 8);
    const size_t limit = text.find(".maxntid", end);
    f.max_threads = limit < body ? (unsigned)std::atoi(text.c_str() + limit + 8) : 1024;
    return true;
}

int copy_later(void *to, const void *from, size_t n, void *stream)
{
    return enqueue(stream, [=] {
        std::memcpy(to, from, n);
        return Success;
    });
}
}

#define LOCK std::lock_guard<std::recursive_mutex> lock(gate)
#define NEEDS_CONTEXT                 \
    LOCK;                             \
    if (const int fault = usable()) \
    return fault

// Sets what the device is or does next: devices, version, memory (bytes), capability (80 is 8.0), init (what cuInit answers), fail_launch (the number of
// launches after which one faults). Returns 0 where there is no such thing.
CONTROL g2rl_standin_set(const char *name, long long value)
{
    LOCK;
    static const std::map<std::string, long long *> settings = { { "devices", &devices }, { "version", &version }, { "memory", &total_memory }, { "capability", &capability }, { "init", &init_result }, { "fail_launch", &fail_launch } };
    const auto found = settings.find(name);
    if (found == settings.end())
        return 0;
    *found->second = value;
    initialized = initialized && init_result == Success;
    return 1;
}

// What is held or was done: memory, leaked (bytes that went with their context), blocks, page_locked, streams, events, launches, queued.
CONTROL g2rl_standin_count(const char *name)
{
    LOCK;
    const std::string what = name;
    return what == "memory" ? (long long)used : what == "leaked" ? (long long)leaked : what == "blocks" ? (long long)blocks.size() : what == "page_locked" ? (long long)locked.size()
        : what == "streams" ? (long long)streams.size() : what == "events" ? (long long)events.size() : what == "launches" ? launches : what == "queued" ? (long long)queue.size() : -1;
}

// The library of host kernels that launches go to. Returns 0 where it cannot be loaded.
CONTROL g2rl_standin_kernels(const char *path)
{
    LOCK;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    launch_on_host = library ? (LaunchOnHost)dlsym(library, "g2rl_host_launch") : nullptr;
    return launch_on_host != nullptr;
}

API cuInit(unsigned)
{
    LOCK;
    initialized = init_result == Success;
    return (int)init_result;
}

API cuDriverGetVersion(int *v)
{
    *v = (int)version;
    return Success;
}

API cuDeviceGetCount(int *n)
{
    LOCK;
    *n = (int)devices;
    return initialized ? Success : NotInitialized;
}

API cuDeviceGet(int *device, int ordinal)
{
    LOCK;
    *device = ordinal;
    return !initialized ? NotInitialized : ordinal < 0 || ordinal >= devices ? InvalidDevice : Success;
}

API cuDeviceGetName(char *name, int n, int)
{
    std::strncpy(name, "Stand-in (no GPU)", n);
    return Success;
}

API cuDeviceTotalMem_v2(size_t *n, int)
{
    *n = (size_t)total_memory;
    return Success;
}

API cuDeviceGetAttribute(int *value, int attribute, int)
{
    enum { Major = 75, Minor = 76 };
    *value = attribute == Major ? (int)(capability / 10) : attribute == Minor ? (int)(capability % 10) : 0;
    return Success;
}

API cuDevicePrimaryCtxRetain(void **c, int)
{
    LOCK;
    if (retained++ == 0)
        host_fault.clear();
    *c = &context;
    return Success;
}

// The last one to go takes the memory along.
API cuDevicePrimaryCtxRelease_v2(int)
{
    LOCK;
    if (--retained > 0)
        return Success;
    queue.clear();
    sticky = Success;
    for (auto &block : blocks)
        munmap(block.second.mapping, block.second.mapped);
    for (auto &block : retired)
        munmap(block.second.mapping, block.second.mapped);
    retired.clear();
    leaked += used;
    used = 0;
    blocks.clear();
    return Success;
}

API cuCtxSetCurrent(void *c)
{
    current = c;
    return Success;
}

API cuCtxGetCurrent(void **c)
{
    *c = current;
    return Success;
}

API cuMemGetInfo_v2(size_t *free, size_t *total)
{
    NEEDS_CONTEXT;
    *total = (size_t)total_memory;
    *free = *total - used;
    return Success;
}

API cuMemAlloc_v2(Pointer *p, size_t n)
{
    NEEDS_CONTEXT;
    if (!n)
        return InvalidValue;
    if (used + n > (size_t)total_memory)
        return OutOfMemory;
    const size_t page = 4096, body = (n + page - 1) / page * page;
    char *mapping = (char *)mmap(nullptr, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return OutOfMemory;
    mprotect(mapping + page, body, PROT_READ | PROT_WRITE);
    std::memset(mapping + page, 0xff, body);
    // The end lies against the page behind, to 256 bytes, the alignment that the driver gives.
    *p = (Pointer)(mapping + page + ((body - n) & ~(size_t)255));
    blocks[*p] = { n, mapping, body + 2 * page };
    used += n;
    return Success;
}

API cuMemFree_v2(Pointer p)
{
    NEEDS_CONTEXT;
    const auto found = blocks.find(p);
    if (found == blocks.end())
        return InvalidValue;
    const int fault = drain();
    // Its addresses are given to nobody until the context ends: whoever still uses them is seen.
    mmap(found->second.mapping, found->second.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    retired[found->second.mapping] = found->second;
    used -= found->second.bytes;
    blocks.erase(found);
    return fault;
}

API cuMemAllocHost_v2(void **p, size_t n)
{
    NEEDS_CONTEXT;
    *p = std::calloc(1, n);
    locked[(char *)*p] = n;
    return Success;
}

API cuMemFreeHost(void *p)
{
    LOCK;
    if (!locked.erase((char *)p))
        return InvalidValue;
    std::free(p);
    return Success;
}

// From page-locked memory the source is read later; other memory is staged before the call returns.
API cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t n, void *stream)
{
    LOCK;
    if (!on_device(to, n))
        return InvalidValue;
    if (page_locked(from, n))
        return copy_later((void *)to, from, n, stream);
    auto staged = std::make_shared<std::vector<char>>((const char *)from, (const char *)from + n);
    return enqueue(stream, [=] {
        std::memcpy((void *)to, staged->data(), n);
        return Success;
    });
}

API cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t n, void *stream)
{
    LOCK;
    if (!on_device(from, n))
        return InvalidValue;
    const int fault = copy_later(to, (const void *)from, n, stream);
    return fault || page_locked(to, n) ? fault : drain();
}

API cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t n, void *stream)
{
    LOCK;
    if (!on_device(from, n) || !on_device(to, n) || (from < to + n && to < from + n))
        return InvalidValue;
    return copy_later((void *)to, (const void *)from, n, stream);
}

API cuMemsetD8Async(Pointer to, unsigned char value, size_t n, void *stream)
{
    LOCK;
    if (!on_device(to, n))
        return InvalidValue;
    return enqueue(stream, [=] {
        std::memset((void *)to, value, n);
        return Success;
    });
}

// The options are pairs of a number and a value that fills a pointer: 5 the error log's buffer, 6 its size.
API cuModuleLoadDataEx(void **module, const void *image, unsigned count, int *options, void **values)
{
    NEEDS_CONTEXT;
    const std::string text = (const char *)image;
    const size_t target = text.find(".target sm_");
    std::string log;
    int fault = Success;
    if (text.find(".version") == std::string::npos || target == std::string::npos)
    {
        log = "stand-in, line 1: fatal: no .version and .target directive";
        fault = InvalidPtx;
    }
    else if (std::atoi(text.c_str() + target + 11) > capability)
    {
        log = "stand-in: fatal: the .target is newer than the device";
        fault = NoBinary;
    }
    if (fault)
    {
        char *buffer = nullptr;
        size_t size = 0;
        for (unsigned i = 0; i < count; i++)
            if (options[i] == 5)
                buffer = (char *)values[i];
            else if (options[i] == 6)
                size = (size_t)values[i];
        if (buffer && size)
            std::strncpy(buffer, log.c_str(), size - 1);
        return fault;
    }
    *module = new Module{ text };
    return Success;
}

API cuModuleUnload(void *module)
{
    LOCK;
    drain();
    delete (Module *)module;
    return Success;
}

API cuModuleGetFunction(void **function, void *module, const char *name)
{
    NEEDS_CONTEXT;
    Function f;
    if (!read_entry(((Module *)module)->text, name, f))
        return NotFound;
    *function = new Function(f);
    return Success;
}

API cuFuncGetAttribute(int *value, int attribute, void *function)
{
    *value = attribute == 0 ? (int)((Function *)function)->max_threads : 0;
    return Success;
}

// 8: dynamic shared memory of a block, at most what an A100 or H100 gives one.
API cuFuncSetAttribute(void *function, int attribute, int value)
{
    LOCK;
    if (attribute != 8 || value < 0 || value > 163 * 1024)
        return InvalidValue;
    ((Function *)function)->shared = (unsigned)value;
    return Success;
}

API cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, void *stream, void **values, void **)
{
    NEEDS_CONTEXT;
    const Function f = *(Function *)function;
    if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || !bx || !by || !bz || bx * by * bz > f.max_threads || shared > f.shared)
        return InvalidValue;
    auto bytes = std::make_shared<std::vector<uint64_t>>(f.widths.size(), ~0ull);
    for (size_t i = 0; i < f.widths.size(); i++)
    {
        if (!values[i])
            return InvalidValue;
        std::memcpy(&(*bytes)[i], values[i], f.widths[i]);
    }
    launches++;
    const bool faults = fail_launch > 0 && --fail_launch == 0;
    return enqueue(stream, [=]() -> int {
        if (faults || !launch_on_host)
            return IllegalAddress;
        std::vector<void *> arguments;
        for (auto &value : *bytes)
        {
            if (was_given_back((char *)value))
            {
                host_fault = f.name + ": argument " + std::to_string(arguments.size()) + " points into memory that was given back";
                return IllegalAddress;
            }
            arguments.push_back(&value);
        }
        const char *fault = launch_on_host(f.name.c_str(), gx, gy, gz, bx, by, bz, arguments.data());
        if (!fault)
            return Success;
        host_fault = f.name + ": " + fault;
        return IllegalAddress;
    });
}

// What the last kernel that failed said.
extern "C" __attribute__((visibility("default"))) const char *g2rl_standin_fault()
{
    return host_fault.c_str();
}

API cuStreamCreate(void **stream, unsigned)
{
    NEEDS_CONTEXT;
    *stream = std::malloc(1);
    streams.insert(*stream);
    return Success;
}

API cuStreamDestroy_v2(void *stream)
{
    LOCK;
    drain();
    if (!streams.erase(stream))
        return InvalidValue;
    std::free(stream);
    return Success;
}

API cuStreamSynchronize(void *stream)
{
    NEEDS_CONTEXT;
    return stream && !streams.count(stream) ? InvalidValue : drain();
}

API cuEventCreate(void **event, unsigned)
{
    NEEDS_CONTEXT;
    *event = new Event();
    events.insert(*event);
    return Success;
}

API cuEventDestroy_v2(void *event)
{
    LOCK;
    drain();
    if (!events.erase(event))
        return InvalidValue;
    delete (Event *)event;
    return Success;
}

API cuEventRecord(void *event, void *stream)
{
    LOCK;
    if (!events.count(event))
        return InvalidValue;
    return enqueue(stream, [=] {
        *(Event *)event = { true, now() };
        return Success;
    });
}

API cuEventSynchronize(void *event)
{
    NEEDS_CONTEXT;
    return events.count(event) ? drain() : (int)InvalidValue;
}

API cuEventElapsedTime(float *milliseconds, void *start, void *end)
{
    LOCK;
    const auto a = (Event *)start, b = (Event *)end;
    if (!events.count(start) || !events.count(end))
        return InvalidValue;
    if (!a->recorded || !b->recorded)
        return NotReady;
    *milliseconds = (float)(b->milliseconds - a->milliseconds);
    return Success;
}

API cuEventElapsedTime_v2(float *milliseconds, void *start, void *end)
{
    return cuEventElapsedTime(milliseconds, start, end);
}

API cuGetErrorName(int error, const char **name)
{
    *name = error ? "CUDA_ERROR" : "CUDA_SUCCESS";
    return Success;
}

API cuGetErrorString(int error, const char **text)
{
    *text = error ? "an error" : "no error";
    return Success;
}

// ONNX Runtime's CUDA provider links it and calls it for no graph of ours.
API cuTensorMapEncodeTiled()
{
    return 801; // not supported
}
