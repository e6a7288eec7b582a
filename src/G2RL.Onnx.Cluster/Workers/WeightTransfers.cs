using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Execution;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>What came of weights.</summary>
/// <param name="Bytes">Bytes that travelled.</param>
/// <param name="Change">
/// What it did to the identity of those that were here; null where all were written anew, so that all are to be looked at.
/// </param>
internal sealed record Fetched(long Bytes, WeightIdentity? Change);

/// <summary>How weights come here: by differences where those lead from what is here, by a file, or whole over the connection.</summary>
internal sealed class WeightTransfers(IGrainFactory grains)
{
    // A read is a message; a few under way hide its length.
    private const int ReadBytes = 1 << 20;
    private const int ReadsAtOnce = 4;

    /// <summary>Brings a version here.</summary>
    /// <param name="card">The version.</param>
    /// <param name="own">What is here; empty for nothing whole.</param>
    /// <param name="into">Receives it.</param>
    public async Task<Fetched> Fetch(WeightsCard card, string own, FlatWeights into)
    {
        if (Path(card, own) is { } path)
        {
            var change = default(WeightIdentity);
            foreach (var (delta, forward) in path)
                change += await Apply(card, delta, forward, into);
            return new(path.Sum(p => p.Delta.Bytes), change);
        }
        // A file that is not seen from here, or no more, is no reason to do without.
        if (card.File.Length > 0 && File.Exists(card.File))
            ReadFile(card, into);
        else
            await Ask(card, into);
        return new(card.Length, null);
    }

    /// <summary>
    /// The differences that lead from what is here to a version, in either direction; null where none do, or not for fewer bytes.
    /// </summary>
    internal static (DeltaCard Delta, bool Forward)[]? Path(WeightsCard card, string own)
    {
        string[] versions = card.Deltas.Length == 0 ? [] : [card.Deltas[0].Base, .. card.Deltas.Select(d => d.Content)];
        var (from, to) = (Array.LastIndexOf(versions, own), Array.LastIndexOf(versions, card.Content));
        if (from < 0 || to < 0 || own.Length == 0)
            return null;
        (DeltaCard, bool)[] path = from < to
            ? [.. card.Deltas[from..to].Select(d => (d, true))]
            : [.. card.Deltas[to..from].Reverse().Select(d => (d, false))];
        return path.Sum(p => p.Item1.Bytes) < card.Length ? path : null;
    }

    private async Task<WeightIdentity> Apply(WeightsCard card, DeltaCard delta, bool forward, FlatWeights into)
    {
        var shelf = grains.GetGrain<IShelfGrain>(card.Shelf);
        var reads = new Queue<(int Part, Task<byte[]> Data)>();
        var applied = new Queue<Task<WeightIdentity>>();
        var change = default(WeightIdentity);
        var parts = WeightDelta.Parts(card.Length);
        try
        {
            for (var (next, done) = (0, 0); done < parts; done++)
            {
                for (; reads.Count < ReadsAtOnce && next < parts; next++)
                    reads.Enqueue((next, shelf.ReadDelta(delta.Base, delta.Content, next)));
                var (part, data) = reads.Dequeue();
                var bytes = await data;
                if (applied.Count >= Environment.ProcessorCount)
                    change += await applied.Dequeue();
                applied.Enqueue(Task.Run(() => WeightDelta.Apply(into, part, bytes, forward)));
            }
            while (applied.Count > 0)
                change += await applied.Dequeue();
            return change;
        }
        finally
        {
            // Whatever went wrong, nobody writes to the weights any more.
            await Task.WhenAll((Task[])[.. applied]).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task Ask(WeightsCard card, FlatWeights into)
    {
        var shelf = grains.GetGrain<IShelfGrain>(card.Shelf);
        var reads = new Queue<(long Offset, Task<byte[]> Data)>();
        for (long next = 0, done = 0; done < card.Length;)
        {
            for (; reads.Count < ReadsAtOnce && next < card.Length; next += ReadBytes)
                reads.Enqueue((next, shelf.Read(card.Content, next, (int)Math.Min(ReadBytes, card.Length - next))));
            var (offset, data) = reads.Dequeue();
            var bytes = await data;
            into.Write(offset, bytes);
            done += bytes.Length;
        }
    }

    /// <summary>Reads a file of weights to where they are to lie.</summary>
    internal static void ReadFile(WeightsCard card, FlatWeights into)
    {
        using var file = File.OpenHandle(card.File, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (RandomAccess.GetLength(file) != card.Length)
            throw new InvalidDataException($"{card.File} has {RandomAccess.GetLength(file)} bytes; the trainer wrote {card.Length}.");
        Parallel.For(0, checked((int)((card.Length + FlatWeights.HashedPiece - 1) / FlatWeights.HashedPiece)), i =>
        {
            var at = (long)i * FlatWeights.HashedPiece;
            for (var end = Math.Min(card.Length, at + FlatWeights.HashedPiece); at < end;)
                at += RandomAccess.Read(file, into.At(at, (int)(end - at)), at) is > 0 and var read
                    ? read
                    : throw new InvalidDataException($"{card.File} ends at {at} of {card.Length} bytes.");
        });
    }
}
