using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Cuda.Sessions;
using G2RL.Onnx.Execution.Planning;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// Prompts that were run, each in a row of the cache of its own with the logits behind it, until another one takes the row. Several are run
/// in one call, filled up on the right to one length; what lies behind a prompt's end is never copied to a rollout.
/// </summary>
internal sealed class PromptSlots : IDisposable
{
    private const int KeptCalls = 64;

    // Padded tokens of a call: products of so many rows keep a device busy, and more would only need more memory.
    private const int MostTokens = MemoryEstimate.TokensOfPrompts;

    private readonly DeviceSession session;
    private readonly CudaBackend backend;
    private readonly DevicePolicy policy;
    private readonly DeviceCache cache;
    private readonly DecodeKind kind;
    private readonly int vocabulary;
    private readonly int width;
    private readonly DeviceBuffer logits;
    private readonly DecodeMemory memory;
    private readonly Dictionary<(int First, int Count, int Tokens), DeviceDecodeStep> calls = [];
    private readonly int[] held;
    private readonly float[][] hidden;

    /// <summary>Reserves the memory.</summary>
    public PromptSlots(
        DeviceSession session,
        CudaBackend backend,
        DevicePolicy policy,
        DeviceCache cache,
        DecodeKind kind,
        int count,
        int positions)
    {
        (this.session, this.backend, this.policy, this.cache, this.kind) = (session, backend, policy, cache, kind);
        (vocabulary, width) = (policy.Spec.VocabularySize, policy.Spec.HiddenSize);
        (held, hidden) = (new int[count], new float[count][]);
        Clear();
        var rows = Math.Max(2, count);
        var tokens = Math.Max(positions, Math.Min(MostTokens, count * positions));
        logits = backend.Memory.Zeros<byte>(Purpose.Decoding, (long)count * vocabulary * kind.LogitBytes);
        memory = new(
            backend.Memory.Zeros<long>(Purpose.Small, tokens),
            backend.Memory.Zeros<long>(Purpose.Small, tokens),
            0,
            backend.Memory.Zeros<int>(Purpose.Small, rows),
            0,
            backend.Memory.Zeros<byte>(Purpose.Decoding, (long)rows * vocabulary * kind.LogitBytes),
            backend.Memory.Zeros<float>(Purpose.Decoding, (long)rows * width));
    }

    /// <summary>How many there are.</summary>
    public int Count => held.Length;

    /// <summary>The LM head's input behind a prompt [D], where it was asked for.</summary>
    public float[] Hidden(int slot) => hidden[slot];

    /// <summary>Address of the logits behind a prompt [V].</summary>
    public nint Logits(int slot) => logits.At((long)slot * vocabulary * kind.LogitBytes);

    /// <summary>Forgets all prompts.</summary>
    public void Clear() => Array.Fill(held, -1);

    /// <summary>Runs those prompts that no slot holds.</summary>
    /// <param name="wanted">Numbers of prompts, each once, at most as many as there are slots.</param>
    /// <param name="prompts">Tokens of all prompts.</param>
    /// <param name="withHidden">Whether the LM head's inputs are wanted.</param>
    /// <returns>The slot of each.</returns>
    public int[] Ensure(IReadOnlyList<int> wanted, IReadOnlyList<int[]> prompts, bool withHidden)
    {
        var missing = wanted.Where(p => Array.IndexOf(held, p) < 0).ToArray();
        if (missing.Length > 0)
        {
            var first = Free(missing.Length, wanted);
            if (first < 0)
            {
                Clear();
                (missing, first) = ([.. wanted], 0);
            }
            for (var done = 0; done < missing.Length;)
            {
                var part = Part(missing.AsSpan(done), prompts);
                Run(first + done, missing.AsSpan(done, part), prompts, withHidden);
                done += part;
            }
        }
        return [.. wanted.Select(p => Array.IndexOf(held, p))];
    }

    /// <summary>Lets go of what is bound.</summary>
    public void ForgetCalls()
    {
        foreach (var call in calls.Values)
            call.Dispose();
        calls.Clear();
    }

    public void Dispose()
    {
        ForgetCalls();
        foreach (var buffer in new[] { logits, memory.Ids, memory.Places, memory.Ends, memory.Logits, memory.Hidden })
            buffer.Dispose();
    }

    // The first of so many neighbouring slots that hold nothing wanted; -1 where there are none.
    private int Free(int count, IReadOnlyList<int> wanted)
    {
        for (int first = 0, run = 0; first + count <= held.Length;)
        {
            if (wanted.Contains(held[first + run]))
                (first, run) = (first + run + 1, 0);
            else if (++run == count)
                return first;
        }
        return -1;
    }

    // Prompts of one call.
    private int Part(ReadOnlySpan<int> numbers, IReadOnlyList<int[]> prompts)
    {
        var (count, longest) = (1, prompts[numbers[0]].Length);
        while (count < numbers.Length)
        {
            longest = Math.Max(longest, prompts[numbers[count]].Length);
            if ((long)(count + 1) * Length(longest) > MostTokens)
                break;
            count++;
        }
        return count;
    }

    // Several tokens at least, as of one alone a product takes another path; within the cache's rows.
    private int Length(int longest) => Math.Min(LengthBuckets.Up(longest), cache.Positions);

    private void Run(int first, ReadOnlySpan<int> numbers, IReadOnlyList<int[]> prompts, bool withHidden)
    {
        var (count, longest) = (numbers.Length, 0);
        foreach (var number in numbers)
            longest = Math.Max(longest, prompts[number].Length);
        var tokens = Length(longest);
        var (ids, places, lengths) = (new long[count * tokens], new long[count * tokens], new int[count]);
        for (var row = 0; row < count; row++)
        {
            var prompt = prompts[numbers[row]];
            lengths[row] = prompt.Length;
            for (var t = 0; t < tokens; t++)
                (ids[(row * tokens) + t], places[(row * tokens) + t]) = (prompt[Math.Min(t, prompt.Length - 1)], t);
        }
        if (!calls.TryGetValue((first, count, tokens), out var call))
        {
            if (calls.Count == KeptCalls)
                ForgetCalls();
            calls[(first, count, tokens)] = call =
                new(session, backend.Memory, policy, cache, memory, vocabulary, width, first, count, tokens, kind);
        }
        memory.Ids.Write<long>(ids);
        memory.Places.Write<long>(places);
        memory.Ends.Write<int>([.. lengths.Select(l => l - 1)]);
        call.Point(lengths);
        call.Run(tokens);
        var bytes = (long)vocabulary * kind.LogitBytes;
        backend.Memory.Driver.CopyOnDevice(logits.At(first * bytes), memory.Logits.Pointer, count * bytes);
        var states = new float[withHidden ? count * width : 0];
        memory.Hidden.Read<float>(states);
        for (var row = 0; row < count; row++)
            (held[first + row], hidden[first + row]) = (numbers[row], withHidden ? states[(row * width)..((row + 1) * width)] : []);
    }
}
