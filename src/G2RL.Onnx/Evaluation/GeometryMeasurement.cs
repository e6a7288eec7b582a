using G2RL.Onnx.Algorithms.Novelty;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Evaluation;

/// <summary>
/// Measures the geometry of exploration: draws responses to held-out problems, scores them at several temperatures, and compares them
/// within prompts.
/// </summary>
public static class GeometryMeasurement
{
    // The evaluation's draws are step 0 of the same stream.
    private const int Stream = 1;

    /// <summary>Measures the model of a configuration.</summary>
    /// <param name="config">The configuration; checked here. sampling decides how responses are drawn, evaluation.seed which.</param>
    /// <param name="settings">What is measured.</param>
    /// <param name="problems">Problems of one's own; null takes the configuration's.</param>
    /// <param name="progress">Called with (samples done, samples in all), from any thread.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <returns>One result a temperature of p_t, the sampling temperature first.</returns>
    /// <exception cref="InputException">A fault in the configuration, the settings, the checkpoint, the tokenizer or the
    /// problems.</exception>
    public static IReadOnlyList<GeometryResult> Run(
        RunConfig config,
        GeometrySettings settings,
        IProblemSet? problems = null,
        Action<int, int>? progress = null,
        CancellationToken cancel = default)
    {
        using var inputs = new RunInputs(config, problems);
        inputs.CheckHeldOut(settings.Problems);
        return Run(inputs, config, settings, step: 0, progress, cancel);
    }

    internal static IReadOnlyList<GeometryResult> Run(
        RunInputs inputs,
        RunConfig config,
        GeometrySettings settings,
        int step,
        Action<int, int>? progress,
        CancellationToken cancel)
    {
        if (settings.Faults() is { Count: > 0 } faults)
            throw InputException.Of([.. faults]);
        var heldOut = inputs.Problems.HeldOut(settings.Problems);
        if (heldOut.Count == 0)
            throw new InputException($"Problem set '{inputs.Problems.Name}' has no held-out problems to measure on.");
        using var sampler = new Sampler(inputs.Policy, inputs.Tokenizer, inputs.TrainingSampler());
        var request = new DrawRequest(
            [.. heldOut.Select(inputs.Encode)],
            settings.Samples,
            Seeds.Derive(config.Evaluation.Seed, Seeds.Purpose.Evaluation, Stream),
            Step: 0);
        var drawn = sampler.Draw(request, progress is null ? null : done => progress(done, heldOut.Count * settings.Samples), cancel);
        using var embedder = settings.Embedder.Length > 0 ? new SentenceEmbedder(settings.Embedder, inputs.Threads) : null;
        using var scorer = new Scorer(inputs.Policy.Spec, inputs.Threads, config.Execution.Kernels);
        using var projector = new FeatureProjector(inputs.Policy.Spec, inputs.Threads);
        Sequence[] sequences = [.. drawn.SelectMany(g => g).Select(r => new Sequence(r.PromptTokens, r.Tokens))];
        var identical = drawn.Sum(IdenticalPairs);
        // What cannot be judged counts as wrong here: nothing is trained on it.
        var rewards = drawn.Select((g, i) => g.Select(r => inputs.Problems.Judge(
            heldOut[i],
            r.Text,
            r.Finished) is { Kind: OutcomeKind.Score, Score: > 0 } ? 1.0 : -1).ToArray()).ToArray();
        var results = new List<GeometryResult>();
        var semantic = 0d;
        foreach (var temperature in settings.Temperatures(config))
        {
            cancel.ThrowIfCancellationRequested();
            var scores = scorer.Score(
                inputs.Policy,
                sequences,
                new ScoreRequest(temperature, config.Training.MicrobatchTokens)
                {
                    WithFeatures = true,
                    WithMeanHidden = results.Count == 0 && embedder is null,
                },
                cancel);
            if (results.Count == 0)
                semantic = Over(
                    embedder?.Embed([.. drawn.SelectMany(g => g).Select(r => r.Text)]) ?? [.. scores.Select(s => s.MeanHidden!)],
                    settings.Samples).Geometry.MeanCosine;
            var features = projector.Project(inputs.Policy, [.. scores.Select(s => s.FeatureWeights!)]);
            var (gradient, histogram) = Over(features, settings.Samples);
            var signal = Signal(features, rewards);
            results.Add(new(step, heldOut.Count, settings.Samples, config.Sampling.Temperature, temperature, gradient, histogram, semantic,
                (double)identical / gradient.Pairs)
            {
                NoveltyReliability = signal.Reliability,
                NoveltyRight = signal.Right,
                NoveltyWrong = signal.Wrong,
            });
        }
        return results;
    }

    /// <summary>The geometry of vectors within groups.</summary>
    /// <param name="vectors">One array [D] a response, the responses of a prompt side by side.</param>
    /// <param name="groupSize">Responses of a prompt, >= 2; divides their number.</param>
    /// <returns>Every pair within a group counted once, and the histogram of their cosines.</returns>
    /// <exception cref="ArgumentException">No whole groups.</exception>
    public static (FeatureGeometry Geometry, IReadOnlyList<long> Histogram) Over(IReadOnlyList<float[]> vectors, int groupSize)
    {
        if (groupSize < 2 || vectors.Count == 0 || vectors.Count % groupSize != 0)
            throw new ArgumentException(
                $"{vectors.Count} vectors in groups of {groupSize}; whole groups of at least 2 are needed.",
                nameof(vectors));
        var (groups, histogram) = (new List<FeatureGeometry>(), new long[CosineHistogram.Bins]);
        var cosines = new double[groupSize * groupSize];
        foreach (var group in vectors.Chunk(groupSize))
        {
            ExplorationScore.Cosines(group, cosines);
            groups.Add(FeatureGeometry.Of(cosines, groupSize));
            CosineHistogram.Add(cosines, groupSize, histogram);
        }
        return (FeatureGeometry.Over(groups), histogram);
    }

    private static NoveltySignal Signal(float[][] features, double[][] rewards)
    {
        var (signal, start) = (new NoveltySignal(), 0);
        foreach (var group in rewards)
        {
            var cosines = new double[group.Length * group.Length];
            ExplorationScore.Cosines(features[start..(start + group.Length)], cosines);
            signal.Add(cosines, group);
            start += group.Length;
        }
        return signal;
    }

    private static long IdenticalPairs(Rollout[] group)
    {
        var pairs = 0L;
        for (var i = 0; i < group.Length; i++)
            for (var j = i + 1; j < group.Length; j++)
                pairs += group[i].Tokens.AsSpan().SequenceEqual(group[j].Tokens) ? 1 : 0;
        return pairs;
    }
}
