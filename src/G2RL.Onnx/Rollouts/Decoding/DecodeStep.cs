using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;

namespace G2RL.Onnx.Rollouts.Decoding;

/// <summary>One bound call of the decode graph over rows [first, first + rows) of a cache, the same number of new tokens each.</summary>
internal sealed class DecodeStep : IDisposable
{
    private readonly SessionBinding binding;
    private readonly int vocabulary;
    private readonly int width;
    private readonly DecodeResults? own;
    private readonly FloatBuffer logits;
    private readonly FloatBuffer hidden;

    /// <summary>
    /// Binds the call; it may be run any number of times with other <see cref="Ids"/>, <see cref="Places"/>, <see cref="Ends"/> and
    /// <see cref="Wanted"/>.
    /// </summary>
    /// <param name="session">Of the decode graph.</param>
    /// <param name="policy">The weights.</param>
    /// <param name="cache">Keys and values.</param>
    /// <param name="first">First row of the cache.</param>
    /// <param name="rows">Rows.</param>
    /// <param name="tokens">New tokens of each.</param>
    /// <param name="shared">Receives logits and hidden states, for steps that take turns; null for memory of its own.</param>
    public DecodeStep(OrtSession session, Policy policy, KvCache cache, int first, int rows, int tokens, DecodeResults? shared = null)
    {
        (vocabulary, width) = (policy.Spec.VocabularySize, policy.Spec.HiddenSize);
        Ids = new long[rows * tokens];
        Places = new long[rows * tokens];
        Ends = new int[rows];
        Wanted = new long[rows];
        for (var row = 0; row < rows; row++)
            Wanted[row] = ((row + 1L) * tokens) - 1;
        own = shared is null ? new DecodeResults(policy, rows) : null;
        (logits, hidden) = ((shared ?? own)!.Logits, (shared ?? own)!.Hidden);
        binding = session.Bind();
        policy.BindTo(binding);
        cache.BindTo(binding, first, rows);
        binding.Input("input_ids", Ids, rows, tokens);
        binding.Input("position_ids", Places, rows, tokens);
        binding.Input("rows", Wanted, rows);
        binding.Input("seqlens_k", Ends, rows);
        binding.Input("total_sequence_length", Longest, 1);
        binding.Output("logits", logits, 0, rows, vocabulary);
        binding.Output("last_hidden_state", hidden, 0, rows, width);
    }

    /// <summary>New token ids [rows, tokens].</summary>
    public long[] Ids { get; }

    /// <summary>Their positions [rows, tokens].</summary>
    public long[] Places { get; }

    /// <summary>The last filled position of each row after this call [rows].</summary>
    public int[] Ends { get; }

    /// <summary>Of each row the token whose logits are wanted, counted through all rows [rows]; its last one at first.</summary>
    public long[] Wanted { get; }

    private int[] Longest { get; } = new int[1];

    /// <summary>Runs the graph.</summary>
    public void Run()
    {
        var longest = 0;
        foreach (var end in Ends)
            longest = Math.Max(longest, end);
        Longest[0] = longest + 1;
        binding.Run();
    }

    /// <summary>Logits of a row's wanted token [V]; valid until the next run of a step that shares its results.</summary>
    public ReadOnlySpan<float> Logits(int row) => logits.Slice((long)row * vocabulary, vocabulary);

    /// <summary>The LM head's input behind them [D].</summary>
    public ReadOnlySpan<float> Hidden(int row) => hidden.Slice((long)row * width, width);

    /// <inheritdoc/>
    public void Dispose()
    {
        binding.Dispose();
        own?.Dispose();
    }
}

/// <summary>Where decode steps leave logits [rows, V] and the LM head's inputs [rows, D].</summary>
internal sealed class DecodeResults(Policy policy, int rows) : IDisposable
{
    public FloatBuffer Logits { get; } = new((long)rows * policy.Spec.VocabularySize);

    public FloatBuffer Hidden { get; } = new((long)rows * policy.Spec.HiddenSize);

    public void Dispose()
    {
        Logits.Dispose();
        Hidden.Dispose();
    }
}
