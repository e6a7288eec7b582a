using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>Scores on every worker, batch by batch as the host would divide them, so that every row has the same neighbours.</summary>
internal sealed class ClusterScorer(ClusterBackend cluster, DecoderSpec spec) : IScorer
{
    private readonly IScorer own = cluster.Own.Scorer(spec);

    public Scores[] Score(Policy policy, IReadOnlyList<Sequence> sequences, ScoreRequest request, CancellationToken cancel = default) =>
        // Hidden states and squares do not travel; devices divide their batches otherwise.
        request.WithHidden || request.WithSquares || own is not Scorer host
            ? own.Score(policy, sequences, request, cancel)
            : Task.Run(() => ScoreAsync(new(host, policy, sequences, request), cancel), CancellationToken.None).GetAwaiter().GetResult();

    public void Dispose() => own.Dispose();

    private async Task<Scores[]> ScoreAsync(Job job, CancellationToken cancel)
    {
        var isReference = !cluster.IsTrained(job.Policy);
        var batches = job.Host.Plan(job.Sequences, job.Request.MaxTokens);
        var version = job.Policy.Identify();
        var card = isReference
            ? new WeightsCard(cluster.Node.Address, version.Counter, version.Content, 0, "", IsDrawing: false, [])
            : cluster.Shelf.Lend(job.Policy, cluster.Node.Address);
        var accounts = new WorkAccounts
        {
            Kind = isReference ? "reference" : "scores",
            Step = -1,
            Policy = $"{version} {version.Content}",
            Pieces = batches.Count,
        };
        var done = 0;
        var work = new PieceWork<ScoreReply>(
            cluster.Pool,
            cluster.Config,
            accounts,
            async (worker, i, stop) => Checked(await worker.Score(Piece(job, batches[i], card, isReference), stop), card, batches[i]),
            (i, _) => Here(job, batches[i]),
            (_, reply) => job.Request.Progress?.Invoke(Interlocked.Add(ref done, reply.Scores.Length)));
        var replies = await work.Run(cancel);
        cluster.Report(accounts);
        var results = new Scores[job.Sequences.Count];
        for (var b = 0; b < batches.Count; b++)
            for (var i = 0; i < batches[b].Length; i++)
            {
                var s = replies[b].Scores[i];
                results[batches[b][i]] = new(s.LogProbs, s.Entropies, null, null) { Feature = s.Feature, MeanHidden = s.MeanHidden };
            }
        return results;
    }

    private ScorePiece Piece(Job job, int[] batch, WeightsCard card, bool isReference) => new(
        cluster.CardOf(job.Policy),
        card with { Shelf = cluster.Node.Address },
        isReference,
        job.Request.Temperature,
        job.Request.WithFeatures,
        job.Request.WithMeanHidden,
        [.. batch.Select(i => job.Sequences[i].Prompt)],
        [.. batch.Select(i => job.Sequences[i].Response)]);

    private static ScoreReply Checked(ScoreReply reply, WeightsCard card, int[] batch) =>
        reply.Head.Fault is not null
            || (reply.Head.Content == card.Content && reply.Scores.Length == batch.Length && ReplyHash.Of(reply.Scores) == reply.Hash)
            ? reply
            : throw new InvalidDataException("A reply is not what its worker sent, or is of other weights.");

    private ScoreReply Here(Job job, int[] batch)
    {
        var scores = job.Host.ScoreBatch(job.Policy, [.. batch.Select(i => job.Sequences[i])], job.Request);
        var features = job.Request.WithFeatures ? cluster.Project(job.Policy, [.. scores.Select(s => s.Features)]) : null;
        return new(
            new(job.Policy.Version.Content, null, 0, 0, 0),
            [.. scores.Select((s, i) => new ScoreWire(s.LogProbs, s.Entropies, features?[i], s.MeanHidden))],
            "");
    }

    private sealed record Job(Scorer Host, Policy Policy, IReadOnlyList<Sequence> Sequences, ScoreRequest Request);
}
