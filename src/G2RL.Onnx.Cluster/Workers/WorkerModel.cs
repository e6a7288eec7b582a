using System.Text.Json;
using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>The model of a run in this process, with what draws and scores from it. One piece at a time.</summary>
internal sealed class WorkerModel : IDisposable
{
    private static readonly TimeSpan WarmLimit = TimeSpan.FromMilliseconds(200);

    private readonly string asks;
    private readonly RunModel model;
    private readonly RunConfig config;
    private readonly IBackend backend;
    private readonly IFeatureProjector projector;
    private readonly Scorer scorer;
    private readonly Policy? reference;
    private readonly string referenceContent = "";
    private readonly Dictionary<(string Settings, bool IsDrawing), IRolloutSource> samplers = [];
    private readonly HashSet<string> warm = [];
    private readonly ShardSums sums;
    private readonly HeldWeights trained;
    private HeldWeights? drawing;

    /// <summary>Loads it.</summary>
    /// <param name="card">The run.</param>
    /// <param name="own">Where this worker has the model, and what it computes with.</param>
    /// <param name="open">Opens what the worker's configuration names.</param>
    /// <exception cref="InputException">A model that is not here, or another one.</exception>
    public WorkerModel(RunCard card, WorkerSettings own, Func<RunConfig, IBackend> open)
    {
        asks = card.Config;
        var asked = RunConfigFile.FromJson(card.Config, "the trainer's configuration");
        config = asked with
        {
            Model = own.Model ?? asked.Model,
            Execution = own.Execution with { Kernels = asked.Execution.Kernels },
            Distribution = new(),
        };
        model = new RunModel(config);
        try
        {
            if (!HasOriginOf(card))
                throw new InputException($"{config.Model} on this worker holds the weights {model.Policy.Version.Origin}; "
                    + $"the trainer's run began with {card.Origin}. Give the worker the same model, by --model FOLDER.");
            RequireThreads(card);
            reference = config.Algorithm.KlCoefficient > 0 ? model.Policy.Freeze() : null;
            referenceContent = reference?.Identify().Content ?? "";
            trained = new(model.Policy);
            backend = open(config);
        }
        catch
        {
            model.Dispose();
            throw;
        }
        projector = config.Sampling is not null && model.Policy.Spec.LogitSoftcap is null ? backend.Features(model.Policy.Spec) : null!;
        scorer = new Scorer(model.Policy.Spec, model.Threads, asked.Execution.Kernels, asked.Training.Packing);
        sums = new(model.Policy, asked, model.Threads);
    }

    // ONNX Runtime shares a large product among threads in ways that change the order of its sums.
    private void RequireThreads(RunCard card)
    {
        var here = Lanes.For(model.Policy.Spec, model.Threads).ThreadsEach;
        if (card.ThreadsEach > 0 && here != card.ThreadsEach)
            throw new InputException($"Operators of this worker share {here} threads, the trainer's {card.ThreadsEach}; a model of "
                + $"{model.Policy.ParameterCount:N0} parameters may then give other bits. Give both the same execution.threads, or let the "
                + "trainer allow it by distribution.allow=[\"threads\"], which gives up that results do not depend on who computes.");
    }

    private bool HasOriginOf(RunCard card) => card.Origin.Length == 0 || card.Origin == model.Policy.Version.Origin;

    /// <summary>Whether it is the model of a run.</summary>
    /// <exception cref="InputException">It is, but computes on other threads than the trainer.</exception>
    public bool Fits(RunCard card)
    {
        if (asks != card.Config || !HasOriginOf(card))
            return false;
        RequireThreads(card);
        return true;
    }

    /// <summary>Draws, scores and sums a gradient of a token or a few, so that sessions are there and code is compiled.</summary>
    /// <param name="settings">How to draw, JSON.</param>
    /// <param name="share">What else is to come: scores, gradients.</param>
    public void Warm(IEnumerable<string> settings, string[] share)
    {
        var one = new Sequence([0], [0]);
        try
        {
            foreach (var each in settings.Where(warm.Add))
                Brief(stop => Sampler(each, config.Sampling.DrawsFromCopy).Draw(new([one.Prompt], 1, 0, 0), progress: null, stop));
            if (share.Contains("scores") && warm.Add("scores"))
                scorer.ScoreBatch(model.Policy, [one], new(Temperature: 1, MaxTokens: int.MaxValue));
            if (share.Contains("gradients") && warm.Add("gradients"))
                sums.Warm(one);
        }
        catch (NonFiniteException)
        {
            // The run will say so of its own tokens.
        }
    }

    // A rollout may be long; a moment of it will do.
    private static void Brief(Action<CancellationToken> work)
    {
        using var limit = new CancellationTokenSource(WarmLimit);
        try
        {
            work(limit.Token);
        }
        catch (OperationCanceledException)
        {
            // It was long.
        }
    }

    /// <summary>Hash of the weights that a piece is done with.</summary>
    public string ContentOf(WeightsCard? card) => (card is { IsDrawing: true } ? drawing : trained)?.Content ?? "";

    /// <summary>Fetches the weights of a piece where others are here.</summary>
    /// <returns>Bytes fetched.</returns>
    public async Task<long> Use(WeightsCard card, WeightTransfers transfer)
    {
        if (card.IsDrawing)
            return await Drawing.Use(card, transfer, trained);
        if (trained.Content != card.Content)
            sums.Clear();
        return await trained.Use(card, transfer, drawing);
    }

    // The copy beside the weights that are trained, from the first piece on that draws with it.
    private HeldWeights Drawing => drawing ??= new(model.Policy.Copy());

    private IRolloutSource Sampler(string settings, bool isDrawing)
    {
        if (!samplers.TryGetValue((settings, isDrawing), out var sampler))
            samplers[(settings, isDrawing)] = sampler = backend.Rollouts(
                isDrawing ? Drawing.Policy : model.Policy,
                model.Tokenizer,
                JsonSerializer.Deserialize<SamplerSettings>(settings)! with { Threads = model.Threads });
        return sampler;
    }

    /// <summary>Draws some groups.</summary>
    public (RolloutWire[][] Groups, float LargestLogit) Draw(DrawPiece piece, CancellationToken cancel)
    {
        var policy = piece.Weights.IsDrawing ? Drawing.Policy : model.Policy;
        var sampler = Sampler(piece.Sampler, piece.Weights.IsDrawing);
        var request = new DrawRequest(piece.Prompts, piece.Samples, piece.Seed, piece.Step, piece.WithFeatures) { Indices = piece.Indices };
        var drawn = sampler.Draw(request, progress: null, cancel);
        var features = piece.WithFeatures
            ? projector.Project(policy, [.. drawn.SelectMany(g => g).Select(r => r.Features)])
            : [];
        var next = 0;
        return ([.. drawn.Select(group => group.Select(r => new RolloutWire(
            r.Tokens,
            r.LogProbs,
            r.Entropies,
            (int)r.Finish,
            r.Text,
            piece.WithFeatures ? features[next++] : null)).ToArray())], drawn.LargestLogit);
    }

    /// <summary>Scores a batch.</summary>
    public ScoreWire[] Score(ScorePiece piece)
    {
        var policy = piece.IsReference
            ? reference ?? throw new InvalidOperationException("The trainer asks for a reference policy that its configuration has not.")
            : model.Policy;
        if (piece.IsReference && referenceContent != piece.Weights.Content)
            throw new InputException($"The reference here is {referenceContent}, the trainer's {piece.Weights.Content}.");
        var scores = scorer.ScoreBatch(
            policy,
            [.. piece.Prompts.Zip(piece.Responses, (p, r) => new Sequence(p, r))],
            new(piece.Temperature, MaxTokens: int.MaxValue)
            {
                WithFeatures = piece.WithFeatures,
                TokenWeight = TokenWeights.Of(config.Algorithm),
                WithMeanHidden = piece.WithMeanHidden,
            });
        var features = piece.WithFeatures ? projector.Project(policy, [.. scores.Select(s => s.Features)]) : null;
        return [.. scores.Select((s, i) => new ScoreWire(s.LogProbs, s.Entropies, features?[i], s.MeanHidden))];
    }

    /// <summary>Sums the gradients of a shard.</summary>
    public GradientReply Gradient(GradientPiece piece, CancellationToken cancel) => sums.Of(piece, cancel);

    /// <summary>A sum's part; see <see cref="IWorkerGrain.ReadSum"/>.</summary>
    public byte[] ReadSum(string sum, int part) => sums.Read(sum, part);

    /// <summary>Lets go of a sum.</summary>
    public void ForgetSum(string sum) => sums.Forget(sum);

    public void Dispose()
    {
        sums.Dispose();
        foreach (var sampler in samplers.Values)
            sampler.Dispose();
        projector?.Dispose();
        scorer.Dispose();
        backend.Dispose();
        reference?.Dispose();
        drawing?.Policy.Dispose();
        model.Dispose();
    }
}
