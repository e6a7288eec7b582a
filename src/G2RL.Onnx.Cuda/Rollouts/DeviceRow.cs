using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>A rollout in flight, as the host knows it: always a step behind the device.</summary>
/// <param name="prompt">Index of the prompt.</param>
/// <param name="sample">Index within the group.</param>
/// <param name="promptTokens">Its prompt.</param>
/// <param name="hidden">Width of hidden states to be kept; 0 keeps none.</param>
internal sealed class DeviceRow(int prompt, int sample, int[] promptTokens, int hidden)
{
    private readonly List<int> tokens = [];
    private readonly List<float> hiddenStates = [];

    // Where the ledger holds log-prob and entropy of each token that has not been looked up yet.
    private readonly List<int> places = [];
    private readonly List<float> logProbs = [];
    private readonly List<float> entropies = [];

    /// <summary>The LM head's input behind the first token [D]; empty where none is kept.</summary>
    public float[] PromptHidden { get; init; } = [];

    public int Prompt => prompt;

    /// <summary>Number of the prompt that keys its random numbers.</summary>
    public int PromptKey { get; init; }

    public int Sample => sample;

    /// <summary>Tokens that the device has been told to draw, those on their way included.</summary>
    public int Issued { get; set; }

    /// <summary>The position that the next token will fill.</summary>
    public int Filled => promptTokens.Length + Issued - 1;

    /// <summary>Why it ended; null while it goes on.</summary>
    public FinishReason? Finish { get; set; }

    /// <summary>Whether it gave way and is drawn again from its beginning: what is on its way is for nobody.</summary>
    public bool IsDropped { get; set; }

    public int Count => tokens.Count;

    public ReadOnlySpan<int> Tokens => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tokens);

    /// <summary>Takes a token over.</summary>
    /// <param name="token">The token.</param>
    /// <param name="place">Where the ledger holds its log-prob.</param>
    /// <param name="state">The LM head's input behind it; empty where none is kept.</param>
    public void Append(int token, int place, ReadOnlySpan<float> state)
    {
        tokens.Add(token);
        places.Add(place);
        if (hidden > 0)
            hiddenStates.AddRange(state);
    }

    /// <summary>Looks log-probs and entropies up.</summary>
    public void Settle(ReadOnlySpan<float> ledgerLogProbs, ReadOnlySpan<float> ledgerEntropies)
    {
        foreach (var place in places)
        {
            logProbs.Add(ledgerLogProbs[place]);
            entropies.Add(ledgerEntropies[place]);
        }
        places.Clear();
    }

    /// <summary>The rollout, once it has ended and is settled.</summary>
    public Rollout ToRollout(RolloutText text, PolicyVersion version, int featureRow) => new()
    {
        PromptTokens = promptTokens,
        Tokens = [.. tokens],
        LogProbs = [.. logProbs],
        Entropies = [.. entropies],
        Finish = Finish!.Value,
        Version = version,
        Text = text.Of(Tokens, Finish.Value),
        FeatureRow = featureRow,
        HiddenStates = hidden > 0 ? [.. hiddenStates] : null,
    };
}
