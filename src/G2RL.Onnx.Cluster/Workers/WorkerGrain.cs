using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Experiments;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>The worker of this process, as others call it.</summary>
[OnSilo]
internal sealed class WorkerGrain(WorkerDesk desk, WorkerSettings settings, IGrainFactory grains) : Grain, IWorkerGrain
{
    // A read is a message; a few under way hide its length.
    private const int ReadBytes = 1 << 20;
    private const int ReadsAtOnce = 4;

    public Task<Passport> Meet() => Task.Run(() => settings.Claim ?? Passports.Here);

    public async Task<DrawReply> Draw(DrawPiece piece, CancellationToken cancel)
    {
        var (result, head) = await desk.Do(
            piece.Run,
            piece.Weights,
            Fetch,
            model =>
            {
                settings.Midway?.Invoke(piece.Step);
                var (groups, largest) = model.Draw(piece, cancel);
                return new DrawReply(null!, groups, largest, ReplyHash.Of(groups, largest));
            },
            cancel);
        if (result is null)
            return new(head, [], 0, "");
        var reply = result with { Head = head };
        return settings.Spoil?.Invoke(reply) ?? reply;
    }

    public async Task<ScoreReply> Score(ScorePiece piece, CancellationToken cancel)
    {
        var (result, head) = await desk.Do(
            piece.Run,
            piece.IsReference ? null : piece.Weights,
            Fetch,
            model => model.Score(piece),
            cancel);
        return result is null
            ? new(head, [], "")
            : new(piece.IsReference ? head with { Content = piece.Weights.Content } : head, result, ReplyHash.Of(result));
    }

    public async Task<GradientReply> Gradient(GradientPiece piece, CancellationToken cancel)
    {
        var (result, head) = await desk.Do(piece.Run, piece.Weights, Fetch, model => model.Gradient(piece, cancel), cancel);
        return result is null ? new(head, 0, [], [], "", 0, "") : result with { Head = head };
    }

    public Task<byte[]> ReadSum(string sum, int part) => Task.FromResult(
        (desk.Model ?? throw new InvalidOperationException($"The sum {sum} is not here.")).ReadSum(sum, part));

    public Task ForgetSum(string sum)
    {
        desk.Model?.ForgetSum(sum);
        return Task.CompletedTask;
    }

    public Task<Fault?> RunCell(string output, string cell, CancellationToken cancel) => desk.Apart(
        () => ExperimentRun.RunCell(
            output,
            cell,
            settings.Execution.Threads > 0 ? settings.Execution.Threads : Environment.ProcessorCount,
            cancel),
        cancel);

    private Task Fetch(WeightsCard card, FlatWeights into) => card.File.Length > 0 ? ReadFile(card, into) : Ask(card, into);

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

    private static async Task ReadFile(WeightsCard card, FlatWeights into)
    {
        using var file = File.OpenHandle(card.File, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        if (RandomAccess.GetLength(file) != card.Length)
            throw new InvalidDataException($"{card.File} has {RandomAccess.GetLength(file)} bytes; the trainer wrote {card.Length}.");
        var buffer = new byte[FlatWeights.HashedPiece];
        for (long at = 0; at < card.Length;)
        {
            var read = await RandomAccess.ReadAsync(file, buffer, at);
            if (read == 0)
                throw new InvalidDataException($"{card.File} ends at {at} of {card.Length} bytes.");
            into.Write(at, buffer.AsSpan(0, read));
            at += read;
        }
    }
}
