using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Weights;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>Sums the gradients of shards on every worker; the sums are added here in the order of the shards.</summary>
internal sealed class ClusterGradients(ClusterBackend cluster, Policy policy)
{
    private const int ReadsAtOnce = 4;

    /// <summary>A <see cref="ShardRunner"/>.</summary>
    public double[] Run(
        IReadOnlyList<Microbatch[]> shards,
        IReadOnlyList<Parameter> sums,
        GradientAccumulator own,
        CancellationToken cancel) =>
        Task.Run(() => RunAsync(shards, sums, own, cancel), CancellationToken.None).GetAwaiter().GetResult();

    private async Task<double[]> RunAsync(
        IReadOnlyList<Microbatch[]> shards,
        IReadOnlyList<Parameter> sums,
        GradientAccumulator own,
        CancellationToken cancel)
    {
        var version = policy.Identify();
        var card = cluster.Shelf.Lend(policy, cluster.Node.Address);
        var accounts = new WorkAccounts
        {
            Kind = "gradients",
            Step = -1,
            Policy = $"{version} {version.Content}",
            Pieces = shards.Count,
        };
        var turn = new Turn(new FlatWeights(sums), shards.Count);
        var work = new PieceWork<ShardSum>(
            cluster.Pool,
            cluster.Config,
            accounts,
            async (worker, i, stop) => await Ask(worker, i, shards[i], card, turn.Length, stop),
            (i, stop) => Here(i, shards[i], own, stop),
            (_, shard) => turn.Take(shard));
        var done = await work.Run(cancel);
        cluster.Report(accounts);
        foreach (var shard in done)
            for (var m = 0; m < shards[shard.Shard].Length; m++)
            {
                shard.Reply.LogProbs[m].CopyTo(shards[shard.Shard][m].LogProbs, 0);
                shard.Reply.Entropies[m].CopyTo(shards[shard.Shard][m].Entropies, 0);
            }
        return [.. done.Select(s => s.Reply.Loss)];
    }

    private async Task<ShardSum> Ask(IWorkerGrain worker, int i, Microbatch[] shard, WeightsCard card, long length, CancellationToken stop)
    {
        var piece = new GradientPiece(
            cluster.CardOf(policy),
            card with { Shelf = cluster.Node.Address },
            Array.ConvertAll(shard, MicrobatchWire.Of),
            cluster.SumFiles);
        var reply = await worker.Gradient(piece, stop);
        if (reply.Head.Fault is not null)
            return new(i, reply, []);
        var tokens = shard.Select(m => m.LogProbs.Length).ToArray();
        if (reply.Head.Content != card.Content || reply.Length != length || !reply.LogProbs.Select(l => l.Length).SequenceEqual(tokens)
            || !reply.Entropies.Select(e => e.Length).SequenceEqual(tokens))
            throw new InvalidDataException("A sum is of other weights, or of another shard.");
        var parts = new byte[GradientReply.Parts(length)][];
        if (cluster.SumFiles.Length > 0)
            SumFiles.Take(cluster.SumFiles, reply.Sum, parts, length);
        else
            await Read(worker, reply.Sum, parts, stop);
        return parts.Sum(p => (long)p.Length) == length && ReplyHash.Of(reply, parts) == reply.Hash
            ? new(i, reply, parts)
            : throw new InvalidDataException("A sum is not what its worker made.");
    }

    private static async Task Read(IWorkerGrain worker, string sum, byte[][] parts, CancellationToken stop)
    {
        var reads = new Queue<(int Part, Task<byte[]> Data)>();
        for (var next = 0; next < parts.Length || reads.Count > 0;)
        {
            for (; reads.Count < ReadsAtOnce && next < parts.Length; next++)
                reads.Enqueue((next, worker.ReadSum(sum, next)));
            var (part, data) = reads.Dequeue();
            parts[part] = await data.WaitAsync(stop);
        }
        _ = worker.ForgetSum(sum);
    }

    private ShardSum Here(int i, Microbatch[] shard, GradientAccumulator own, CancellationToken cancel)
    {
        own.Clear();
        var loss = own.Add(shard, cancel);
        return new(
            i,
            new(
                new(policy.Version.Content, null, 0, 0, 0),
                loss,
                Array.ConvertAll(shard, m => m.LogProbs),
                Array.ConvertAll(shard, m => m.Entropies),
                "",
                0,
                ""),
            ShardSums.Copy(new FlatWeights(own.Gradients)));
    }

    // A shard's answer, with its sum until that is added.
    private sealed class ShardSum(int shard, GradientReply reply, byte[][] sum) : IReply
    {
        public int Shard => shard;

        public GradientReply Reply => reply;

        public ReplyHead Head => reply.Head;

        public byte[][]? Sum { get; set; } = sum;
    }

    // Adds sums in their order as they come; one that comes early waits.
    private sealed class Turn(FlatWeights sums, int count)
    {
        private readonly Lock gate = new();
        private readonly ShardSum?[] waiting = new ShardSum?[count];
        private int next;

        public long Length => sums.Length;

        public void Take(ShardSum shard)
        {
            lock (gate)
            {
                if (shard.Shard < next)
                    return;
                for (waiting[shard.Shard] = shard; next < waiting.Length && waiting[next] is { Sum: { } parts } one; next++)
                {
                    for (var i = 0; i < parts.Length; i++)
                        if (next == 0)
                            sums.Write((long)i * GradientReply.PartBytes, parts[i]);
                        else
                            sums.Add((long)i * GradientReply.PartBytes, parts[i]);
                    one.Sum = null;
                    waiting[next] = null;
                }
            }
        }
    }
}
