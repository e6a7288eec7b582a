using System.Collections.Concurrent;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Weights;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>Sums gradients of shards and keeps the sums until they are read, or the weights change.</summary>
/// <param name="policy">The weights.</param>
/// <param name="config">The trainer's configuration.</param>
/// <param name="threads">Threads here.</param>
internal sealed class ShardSums(Policy policy, RunConfig config, int threads) : IDisposable
{
    private readonly Lazy<GradientAccumulator> accumulator = new(() => PolicyOptimizers.Accumulator(policy, config, threads));
    private readonly ConcurrentDictionary<string, byte[][]> kept = [];
    private long made;

    /// <summary>Sums a shard.</summary>
    public GradientReply Of(GradientPiece piece, CancellationToken cancel)
    {
        var micros = Array.ConvertAll(piece.Micros, m => m.Open(accumulator.Value.Packs));
        accumulator.Value.Clear();
        var loss = accumulator.Value.Add(micros, cancel);
        var flat = new FlatWeights(accumulator.Value.Gradients);
        var sum = Copy(flat);
        string name;
        if (piece.Files.Length > 0)
            name = SumFiles.Write(piece.Files, sum);
        else
            kept[name = $"{++made}"] = sum;
        var reply = new GradientReply(
            null!,
            loss,
            Array.ConvertAll(micros, m => m.LogProbs),
            Array.ConvertAll(micros, m => m.Entropies),
            name,
            flat.Length,
            "");
        return reply with { Hash = ReplyHash.Of(reply, sum) };
    }

    /// <summary>Sums something of which nothing comes.</summary>
    public void Warm(Sequence sequence)
    {
        accumulator.Value.Clear();
        accumulator.Value.Add(new Microbatch(BatchPlan.Batch([sequence], accumulator.Value.Packs)));
        accumulator.Value.Clear();
    }

    /// <summary>A part of a sum.</summary>
    /// <exception cref="InvalidOperationException">It is no longer here.</exception>
    public byte[] Read(string sum, int part) => kept.TryGetValue(sum, out var parts) && part >= 0 && part < parts.Length
        ? parts[part]
        : throw new InvalidOperationException($"Part {part} of the sum {sum} is not here.");

    /// <summary>Lets go of one.</summary>
    public void Forget(string sum) => kept.TryRemove(sum, out _);

    /// <summary>Lets go of all.</summary>
    public void Clear() => kept.Clear();

    public void Dispose()
    {
        if (accumulator.IsValueCreated)
            accumulator.Value.Dispose();
    }

    /// <summary>A copy in parts.</summary>
    public static byte[][] Copy(FlatWeights flat)
    {
        var parts = new byte[GradientReply.Parts(flat.Length)][];
        for (var i = 0; i < parts.Length; i++)
        {
            var offset = (long)i * GradientReply.PartBytes;
            parts[i] = GC.AllocateUninitializedArray<byte>((int)Math.Min(GradientReply.PartBytes, flat.Length - offset));
            flat.Read(offset, parts[i]);
        }
        return parts;
    }
}
