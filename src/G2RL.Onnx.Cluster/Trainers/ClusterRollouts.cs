using System.Text.Json;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cluster.Trainers;

/// <summary>Draws on every worker of the cluster, whole groups at a time.</summary>
internal sealed class ClusterRollouts(ClusterBackend cluster, Policy policy, Tokenizer tokenizer, SamplerSettings settings) : IRolloutSource
{
    // So that a worker that ends early finds more, and one that dies loses little.
    private const int PiecesForEach = 3;

    private readonly Lazy<IRolloutSource> own = new(() => cluster.Own.Rollouts(policy, tokenizer, settings));

    /// <summary>How it draws, JSON.</summary>
    public string Settings { get; } = JsonSerializer.Serialize(settings);

    public SamplerPlan Plan { get; } = SamplerPlan.For(policy.Spec, policy.Positions, settings);

    public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        request.Validate(settings, policy.Positions);
        // Hidden states do not travel.
        return request.WithHidden
            ? own.Value.Draw(request, progress, cancel)
            : Task.Run(() => DrawAsync(request, progress, cancel), CancellationToken.None).GetAwaiter().GetResult();
    }

    public void Dispose()
    {
        if (own.IsValueCreated)
            own.Value.Dispose();
    }

    private async Task<DrawnRollouts> DrawAsync(DrawRequest request, Action<int>? progress, CancellationToken cancel)
    {
        cluster.Own.Fetch(policy);
        var card = cluster.Shelf.Lend(policy, cluster.Node.Address, cluster.IsDrawing(policy));
        var version = policy.Version;
        var parts = cluster.Cut(request.Prompts.Count, PiecesForEach);
        var requests = Array.ConvertAll(parts, request.Part);
        var accounts = new WorkAccounts
        {
            Kind = "rollouts",
            Step = request.Step + 1,
            Policy = $"{version} {version.Content}",
            Pieces = parts.Length,
            Lag = cluster.LagOf(version),
        };
        var (ended, rollouts) = (0, new Rollout[request.Prompts.Count][]);
        var work = new PieceWork<DrawReply>(
            cluster.Pool,
            cluster.Config,
            accounts,
            async (worker, i, stop) => Checked(await worker.Draw(Piece(card, requests[i]), stop), card, requests[i]),
            (i, stop) => Here(requests[i], stop),
            (i, reply) =>
            {
                Open(requests[i], reply, version).CopyTo(rollouts, parts[i][0]);
                if (request.GroupEnded is { } tell)
                    Array.ForEach(parts[i], prompt => tell(prompt, rollouts[prompt]));
                progress?.Invoke(Interlocked.Add(ref ended, reply.Groups.Sum(g => g.Length)));
            });
        var replies = await work.Run(cancel);
        Audit(requests, replies, accounts, cancel);
        cluster.Report(accounts);
        return new(rollouts, replies.Select(r => r.LargestLogit).DefaultIfEmpty().Max());
    }

    private DrawPiece Piece(WeightsCard card, DrawRequest part) => new(
        cluster.CardOf(policy),
        card with { Shelf = cluster.Node.Address },
        Settings,
        part.Seed,
        part.Step,
        part.Samples,
        part.WithFeatures,
        [.. part.Indices!],
        [.. part.Prompts]);

    // A bit that flipped on the way, or an answer to another question, is no answer.
    private static DrawReply Checked(DrawReply reply, WeightsCard card, DrawRequest part) =>
        reply.Head.Fault is not null || (reply.Head.Content == card.Content && reply.Groups.Length == part.Prompts.Count
            && Array.TrueForAll(reply.Groups, g => g.Length == part.Samples)
            && ReplyHash.Of(reply.Groups, reply.LargestLogit) == reply.Hash)
            ? reply
            : throw new InvalidDataException("A reply is not what its worker sent, or is of other weights.");

    private DrawReply Here(DrawRequest part, CancellationToken cancel)
    {
        var drawn = own.Value.Draw(part, progress: null, cancel);
        var features = part.WithFeatures ? cluster.Project(policy, [.. drawn.SelectMany(g => g).Select(r => r.Features)]) : [];
        var next = 0;
        return new(new(policy.Version.Content, null, 0, 0, 0), [.. drawn.Select(group => group.Select(r => new RolloutWire(
            r.Tokens,
            r.LogProbs,
            r.Entropies,
            (int)r.Finish,
            r.Text,
            part.WithFeatures ? features[next++] : null)).ToArray())], drawn.LargestLogit, "");
    }

    // Which pieces are drawn again is a function of the run alone.
    private void Audit(DrawRequest[] requests, DrawReply[] replies, WorkAccounts accounts, CancellationToken cancel)
    {
        for (var i = 0; i < requests.Length; i++)
        {
            if (accounts.Workers[i].Length == 0)
                continue;
            for (var k = 0; k < requests[i].Prompts.Count; k++)
            {
                var number = requests[i].Indices![k];
                if (Seeds.Uniform(requests[i].Seed, requests[i].Step, number, sample: -1, token: 0) >= cluster.Config.AuditShare)
                    continue;
                var mine = Here(requests[i].Part([k]), cancel).Groups;
                if (ReplyHash.Of(mine, 0) != ReplyHash.Of([replies[i].Groups[k]], 0))
                    throw new InvalidOperationException($"Audit: {accounts.Workers[i]} drew group {number} of step {requests[i].Step + 1} "
                        + "otherwise than this process does. One of them computes something else: find out which before anything else.");
            }
        }
    }

    private static Rollout[][] Open(DrawRequest part, DrawReply reply, PolicyVersion version) =>
        [.. reply.Groups.Select((group, k) => Array.ConvertAll(group, r => Rollout(part.Prompts[k], r, version)))];

    private static Rollout Rollout(int[] prompt, RolloutWire r, PolicyVersion version) => new()
    {
        PromptTokens = prompt,
        Tokens = r.Tokens,
        LogProbs = r.LogProbs,
        Entropies = r.Entropies,
        Finish = (FinishReason)r.Finish,
        Text = r.Text,
        Feature = r.Feature,
        Version = version,
    };
}
