// The kernels on the host behind a C interface: every .cu in one translation unit, a table of entries, and the scheduler of fibers.
#define G2RL_HOST
#include "accumulate_features.cu"
#include "attention.cu"
#include "layers.cu"
#include "memory.cu"
#include "novelty.cu"
#include "optimizer.cu"
#include "sample_tokens.cu"
#include "token_stats.cu"

#include <map>
#include <memory>
#include <random>
#include <string>
#include <ucontext.h>
#include <utility>
#include <vector>

namespace host
{
Index thread, block, block_size, grid_size;

namespace
{
enum State
{
    Ready,
    AtBarrier,
    AtMeeting,
    Done
};

struct Copy
{
    void *to;
    const void *from;
    int given, size;
    bool closed;
};

struct Fiber
{
    std::vector<Copy> copies;
    Index place;
    State state;
    Meeting kind;
    int value, argument, result, turn;
    ucontext_t context;
    std::unique_ptr<char[]> stack;
};

const size_t StackBytes = 128 * 1024;
const int WarpSize = 32;

std::vector<std::unique_ptr<Fiber>> fibers;
ucontext_t scheduler;
Fiber *running;
void (*entry)(void **);
void **arguments;
std::string failure;
int order;
std::mt19937 shuffle;

void body()
{
    entry(arguments);
    running->state = Done;
}

void wait(State state)
{
    running->state = state;
    swapcontext(&running->context, &scheduler);
}

void resume(Fiber &fiber)
{
    running = &fiber;
    thread = fiber.place;
    swapcontext(&scheduler, &fiber.context);
}

std::vector<int> turns(int n)
{
    std::vector<int> all(n);
    for (int i = 0; i < n; i++)
        all[i] = order == 1 ? n - 1 - i : i;
    if (order == 2)
        for (int i = n - 1; i > 0; i--)
            std::swap(all[i], all[shuffle() % (i + 1)]);
    return all;
}

void exchange(int first)
{
    unsigned ballot = 0;
    for (int l = 0; l < WarpSize; l++)
        ballot |= (unsigned)(fibers[first + l]->value & 1) << l;
    for (int l = 0; l < WarpSize; l++)
    {
        Fiber &f = *fibers[first + l];
        const int source = f.kind == Xor ? l ^ f.argument : f.kind == Below ? l - f.argument : f.argument;
        f.result = f.kind == Ballot ? (int)ballot : fibers[first + (source < 0 || source >= WarpSize ? l : source)]->value;
    }
    for (int l = 0; l < WarpSize; l++)
        fibers[first + l]->state = Ready;
}

// Runs a warp until each lane has ended or waits for the block.
bool run_warp(int first)
{
    while (true)
    {
        for (int l : turns(WarpSize))
            if (fibers[first + l]->state == Ready)
                resume(*fibers[first + l]);
        int meeting = 0;
        for (int l = 0; l < WarpSize; l++)
            meeting += fibers[first + l]->state == AtMeeting && fibers[first + l]->kind == fibers[first]->kind;
        if (meeting == WarpSize)
        {
            exchange(first);
            continue;
        }
        for (int l = 0; l < WarpSize; l++)
            if (fibers[first + l]->state == AtMeeting)
            {
                failure = "lanes of a warp wait for lanes that never come";
                return false;
            }
        return true;
    }
}

bool run_block(int threads)
{
    while ((int)fibers.size() < threads)
    {
        fibers.push_back(std::make_unique<Fiber>());
        fibers.back()->stack.reset(new char[StackBytes]);
    }
    for (int t = 0; t < threads; t++)
    {
        Fiber &f = *fibers[t];
        f.place = {t % block_size.x, t / block_size.x % block_size.y, t / (block_size.x * block_size.y)};
        f.state = Ready;
        f.turn = 0;
        f.copies.clear();
        getcontext(&f.context);
        f.context.uc_stack.ss_sp = f.stack.get();
        f.context.uc_stack.ss_size = StackBytes;
        f.context.uc_link = &scheduler;
        makecontext(&f.context, body, 0);
    }
    while (true)
    {
        for (int w : turns(threads / WarpSize))
            if (!run_warp(w * WarpSize))
                return false;
        int waiting = 0;
        for (int t = 0; t < threads; t++)
            waiting += fibers[t]->state == AtBarrier;
        if (waiting == 0)
            return true;
        if (waiting < threads)
        {
            failure = "a barrier that some threads of the block never reach";
            return false;
        }
        for (int t = 0; t < threads; t++)
            fibers[t]->state = Ready;
    }
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), void **values, std::index_sequence<I...>)
{
    kernel(*(A *)values[I]...);
}

template <class... A>
void apply(void (*kernel)(A...), void **values)
{
    call(kernel, values, std::index_sequence_for<A...>());
}

struct Kernel
{
    void (*call)(void **);
    int parameters;
};

template <class... A>
constexpr int count(void (*)(A...))
{
    return sizeof...(A);
}

#define ONE(name) {#name, {[](void **values) { apply(name, values); }, count(name)}},
#define EACH(name) ONE(name##_f32) ONE(name##_f16) ONE(name##_bf16)

const std::map<std::string, Kernel> kernels = {
    ONE(attention_forward_64) ONE(attention_forward_128) ONE(attention_keys_64) ONE(attention_keys_128)
    ONE(attention_queries_64) ONE(attention_queries_128) ONE(attention_delta) ONE(attention_places)
    ONE(rms_norm) ONE(rms_norm_grad) ONE(rms_norm_weight_grad) ONE(gated_unit) ONE(gated_unit_grad) ONE(rotary)
    EACH(sample_tokens) EACH(token_stats) EACH(accumulate_features) EACH(accumulate_features_atomic)
    ONE(inverse_norms) ONE(gram) ONE(exploration_scores)
    EACH(adamw) EACH(adamw_packed) EACH(accumulate) ONE(global_norm_partial) ONE(global_norm_finish) ONE(scale) ONE(scale_rows)
    ONE(cast_f32_to_f16) ONE(cast_f32_to_bf16) ONE(cast_f16_to_f32) ONE(cast_bf16_to_f32) ONE(kv_share) ONE(kv_relay) EACH(any_nonfinite)};
}

void barrier() { wait(AtBarrier); }

int meet(Meeting kind, int value, int argument)
{
    Fiber *self = running;
    self->kind = kind;
    self->value = value;
    self->argument = argument;
    wait(AtMeeting);
    return self->result;
}

// What the lanes of a warp gave, for this operation of theirs and the next: a lane goes on to the one after only when all have read this one.
static unsigned given[2][WarpSize][6];
static const unsigned short *rows[2][WarpSize];

static float half_of(unsigned pair, int which) { return bits_float(which == 0 ? pair << 16 : pair & 0xffff0000u); }

void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
    const int side = running->turn ^= 1, lane = running->place.x % WarpSize, g = lane / 4, t = lane % 4;
    for (int i = 0; i < 4; i++)
        given[side][lane][i] = a[i];
    given[side][lane][4] = b0;
    given[side][lane][5] = b1;
    meet(At, 0, lane);
    for (int i = 0; i < 4; i++)
    {
        const int row = g + i / 2 * 8, column = 2 * t + i % 2;
        double sum = c[i];
        for (int k = 0; k < 16; k++)
        {
            const int of_a = row % 8 * 4 + k % 8 / 2, of_b = column * 4 + k % 8 / 2;
            sum += (double)half_of(given[side][of_a][row / 8 + k / 8 * 2], k % 2) * half_of(given[side][of_b][4 + k / 8], k % 2);
        }
        c[i] = (float)sum;
    }
}

Shared *dynamic_shared()
{
    alignas(16) static Shared bytes[96 * 1024];
    return bytes;
}

void begin_copy(void *to, const void *from, int given, int size)
{
    std::memset(to, 0xff, size);
    running->copies.push_back({to, from, given, size, false});
}

void end_copies()
{
    for (Copy &copy : running->copies)
        copy.closed = true;
}

void wait_for_copies()
{
    std::vector<Copy> left;
    for (const Copy &copy : running->copies)
        if (!copy.closed)
            left.push_back(copy);
        else
        {
            std::memset(copy.to, 0, copy.size);
            std::memcpy(copy.to, copy.from, copy.given);
        }
    running->copies = left;
}

void load_matrices(unsigned (&r)[4], const unsigned short *row, bool transposed)
{
    const int side = running->turn ^= 1, lane = running->place.x % WarpSize, g = lane / 4, t = lane % 4;
    rows[side][lane] = row;
    meet(At, 0, lane);
    for (int i = 0; i < 4; i++)
        r[i] = transposed ? rows[side][i * 8 + 2 * t][g] | (unsigned)rows[side][i * 8 + 2 * t + 1][g] << 16
                          : rows[side][i * 8 + g][2 * t] | (unsigned)rows[side][i * 8 + g][2 * t + 1] << 16;
}
}

// Number of parameters of an entry, or -1.
extern "C" EXPORTED int g2rl_host_parameters(const char *name)
{
    const auto found = host::kernels.find(name);
    return found == host::kernels.end() ? -1 : found->second.parameters;
}

// Order of threads and blocks from now on: 0 forward, 1 reverse, 2 shuffled by the seed.
extern "C" EXPORTED void g2rl_host_order(int order, unsigned seed)
{
    host::order = order;
    host::shuffle.seed(seed);
}

// Runs a grid to its end. Returns null, or what went wrong. values[i] points to argument i. Not for several threads at once.
extern "C" EXPORTED const char *g2rl_host_launch(const char *name, int gx, int gy, int gz, int bx, int by, int bz, void **values)
{
    const auto found = host::kernels.find(name);
    if (found == host::kernels.end())
        return "no such entry";
    const int threads = bx * by * bz;
    if (threads < 1 || threads > MAX_THREADS || threads % host::WarpSize != 0)
        return "a block is a whole number of warps, at most 256 threads";
    host::entry = found->second.call;
    host::arguments = values;
    host::block_size = {bx, by, bz};
    host::grid_size = {gx, gy, gz};
    for (int b : host::turns(gx * gy * gz))
    {
        host::block = {b % gx, b / gx % gy, b / (gx * gy)};
        if (!host::run_block(threads))
            return host::failure.c_str();
    }
    return nullptr;
}
