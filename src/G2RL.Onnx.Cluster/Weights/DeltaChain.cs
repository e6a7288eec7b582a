using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Weights;

/// <summary>
/// The differences between versions that were lent one after the other. After a number of them a version goes whole, and all of it is
/// looked at; the oldest are forgotten where all together are as large as the weights: who is further behind fetches a version whole.
/// </summary>
/// <param name="most">Differences that are kept, >= 1.</param>
/// <param name="areTold">
/// Whether whoever makes a version says what changed (<see cref="Policy.Step"/>); else a copy of the last one is kept to find out.
/// </param>
internal sealed class DeltaChain(int most, bool areTold) : IDisposable
{
    private readonly List<(DeltaCard Card, byte[][] Parts)> kept = [];
    private Parameter[]? last;
    private string lastContent = "";
    private int sinceWhole;

    /// <summary>The differences, in order.</summary>
    public DeltaCard[] Cards => [.. kept.Select(k => k.Card)];

    /// <summary>Adds a version.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="content">Their name.</param>
    /// <exception cref="InvalidOperationException">They are not what their name says.</exception>
    public void Add(Policy policy, string content)
    {
        if (content == lastContent || kept.Any(k => k.Card.Base == content || k.Card.Content == content))
            return;
        policy.KeepsStep = areTold;
        var parts = areTold ? Told(policy, content) : Found(policy);
        if (parts is null || ++sinceWhole > most)
        {
            kept.Clear();
            sinceWhole = 0;
            policy.Audit();
        }
        else
            kept.Add((new(lastContent, content, parts.Sum(p => (long)p.Length)), parts));
        while (kept.Sum(k => k.Card.Bytes) > new FlatWeights(policy).Length)
            kept.RemoveAt(0);
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

    // Of what leads here from another version than the last one nothing is known.
    private byte[][]? Told(Policy policy, string content) =>
        policy.Step is { } step && step.Base == lastContent && step.Content == content ? step.Parts : null;

    private byte[][]? Found(Policy policy)
    {
        var now = new FlatWeights(policy);
        if (last is not null)
        {
            var here = new FlatWeights(last);
            return WeightDelta.Advance(here, now, form: null, here).Parts;
        }
        last = [.. policy.Trainable.Select(p => new Parameter(p.Name, [.. p.Shape]))];
        now.CopyTo(new FlatWeights(last), form: null);
        return null;
    }
}
