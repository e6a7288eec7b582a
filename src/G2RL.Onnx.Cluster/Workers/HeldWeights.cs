using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>Weights did not arrive, or not whole.</summary>
internal sealed class TransferException(string message, Exception? inner = null) : IOException(message, inner);

/// <summary>A worker's copy of weights that the trainer lends, and which version it is.</summary>
internal sealed class HeldWeights(Policy policy)
{
    /// <summary>The weights.</summary>
    public Policy Policy => policy;

    /// <summary>Their hash; empty where they are half old and half new.</summary>
    public string Content { get; private set; } = policy.Identify().Content;

    /// <summary>Gets the version that a piece names, where another one is here.</summary>
    /// <param name="card">The version.</param>
    /// <param name="transfer">From where.</param>
    /// <param name="other">Another copy here, which may have it already.</param>
    /// <returns>Bytes fetched.</returns>
    /// <exception cref="TransferException">It did not arrive; the next piece fetches it whole.</exception>
    public async Task<long> Use(WeightsCard card, WeightTransfers transfer, HeldWeights? other)
    {
        if (Content == card.Content)
        {
            // The same numbers, perhaps after an update that changed none.
            if (policy.Updates != card.Counter)
                policy.Become(policy, default, card.Counter);
            return 0;
        }
        var flat = new FlatWeights(policy);
        if (flat.Length != card.Length)
            throw new InputException($"The trainer lends {card.Length} bytes of weights; this worker's model has {flat.Length}.");
        var own = Content;
        Content = "";
        var fetched = new Fetched(0, null);
        try
        {
            if (other?.Content == card.Content)
                Copy(other.Policy);
            else
                fetched = await transfer.Fetch(card, own, flat);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            throw new TransferException($"The weights {card.Content} did not arrive: {e.Message}", e);
        }
        if (fetched.Change is { } change)
            policy.Become(policy, change, card.Counter);
        else
            policy.Updates = card.Counter;
        var got = policy.Identify().Content;
        if (got != card.Content)
        {
            policy.Updates = card.Counter;
            throw new TransferException($"The weights that arrived have hash {got}, those of the trainer {card.Content}.");
        }
        Content = got;
        return fetched.Bytes;
    }

    private void Copy(Policy from)
    {
        foreach (var (source, target) in from.Trainable.Zip(policy.Trainable))
            source.Buffer.Span.CopyTo(target.Buffer.Span);
    }
}
