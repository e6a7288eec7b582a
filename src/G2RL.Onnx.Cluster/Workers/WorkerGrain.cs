using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Experiments;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>The worker of this process, as others call it.</summary>
[OnSilo]
internal sealed class WorkerGrain(WorkerDesk desk, WorkerSettings settings, IGrainFactory grains) : Grain, IWorkerGrain
{
    private readonly WeightTransfers transfer = new(grains);

    public Task<Passport> Meet() => Task.Run(() => settings.Claim ?? Passports.Here);

    public Task<Fault?> Prepare(RunCard run, string[] samplers, string[] share, CancellationToken cancel) =>
        desk.Prepare(run, model => model.Warm(samplers, share), cancel);

    public async Task<DrawReply> Draw(DrawPiece piece, CancellationToken cancel)
    {
        var (result, head) = await desk.Do(
            piece.Run,
            piece.Weights,
            transfer,
            (model, stop) =>
            {
                settings.Midway?.Invoke(piece.Step);
                var (groups, largest) = model.Draw(piece, stop);
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
            transfer,
            (model, _) => model.Score(piece),
            cancel);
        return result is null
            ? new(head, [], "")
            : new(piece.IsReference ? head with { Content = piece.Weights.Content } : head, result, ReplyHash.Of(result));
    }

    public async Task<GradientReply> Gradient(GradientPiece piece, CancellationToken cancel)
    {
        var (result, head) = await desk.Do(piece.Run, piece.Weights, transfer, (model, stop) => model.Gradient(piece, stop), cancel);
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
        stop => ExperimentRun.RunCell(
            output,
            cell,
            settings.Execution.Threads > 0 ? settings.Execution.Threads : Environment.ProcessorCount,
            stop),
        cancel);
}
