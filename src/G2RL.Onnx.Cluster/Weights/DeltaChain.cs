using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Weights;

/// <summary>
/// The differences between versions that were lent one after the other. They are forgotten when the next one would be too many, or all of
/// them as large as the weights: who is further behind fetches a version whole.
/// </summary>
/// <param name="most">Differences that are kept, >= 1.</param>
internal sealed class DeltaChain(int most) : IDisposable
{
    private readonly List<(DeltaCard Card, byte[][] Parts)> kept = [];
    private Parameter[]? last;
    private string lastContent = "";

    /// <summary>The differences, in order.</summary>
    public DeltaCard[] Cards => [.. kept.Select(k => k.Card)];

    /// <summary>Adds a version.</summary>
    public void Add(Policy policy, string content)
    {
        if (content == lastContent || kept.Any(k => k.Card.Base == content || k.Card.Content == content))
            return;
        var now = new FlatWeights(policy);
        if (last is null)
        {
            last = [.. policy.Trainable.Select(p => new Parameter(p.Name, [.. p.Shape]))];
            foreach (var (source, target) in policy.Trainable.Zip(last))
                source.Buffer.Span.CopyTo(target.Buffer.Span);
        }
        else
        {
            var parts = WeightDelta.Encode(new FlatWeights(last), now);
            if (kept.Count >= most)
                kept.Clear();
            kept.Add((new(lastContent, content, parts.Sum(p => (long)p.Length)), parts));
            while (kept.Sum(k => k.Card.Bytes) > now.Length)
                kept.RemoveAt(0);
        }
        lastContent = content;
    }

    /// <summary>A part of a difference; null where that is not here.</summary>
    public byte[]? Read(string from, string to, int part) =>
        kept.FirstOrDefault(k => k.Card.Base == from && k.Card.Content == to).Parts is { } parts && part >= 0 && part < parts.Length
            ? parts[part]
            : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in last ?? [])
            parameter.Dispose();
    }
}
