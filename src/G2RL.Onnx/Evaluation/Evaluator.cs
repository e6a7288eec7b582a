using System.Diagnostics;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Backends;

namespace G2RL.Onnx.Evaluation;

/// <summary>Samples held-out problems and judges the answers.</summary>
public static class Evaluator
{
    // Completions that are drawn between two writes of the log.
    private const int LoggedAtOnce = 256;

    /// <summary>Evaluates the model of a configuration: its weights and what sampling needs, nothing of what training does.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="problems">Problems of one's own; null takes the configuration's.</param>
    /// <param name="progress">Called with (samples done, samples in all), from any thread.</param>
    /// <param name="backend">Who computes, the caller's to dispose of; null is the host.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <exception cref="InputException">A fault in the configuration, the checkpoint, the tokenizer or the problems.</exception>
    public static EvaluationResult Run(
        RunConfig config,
        IProblemSet? problems = null,
        Action<int, int>? progress = null,
        IBackend? backend = null,
        CancellationToken cancel = default)
    {
        using var inputs = new RunInputs(config, problems, backend);
        inputs.CheckHeldOut(config.Evaluation.Problems);
        return Run(inputs, config.Evaluation, step: 0, progress, cancel);
    }

    /// <summary>Evaluates the benchmarks of a configuration, or its own held-out problems where it names none.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="samplesTo">Where completions are written while they are drawn, and read when the evaluation was begun before; null
    /// keeps none.</param>
    /// <param name="progress">Called with (samples done, samples in all), from any thread.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="backend">Who computes, the caller's to dispose of; null is the host.</param>
    /// <param name="judging">Called with (problems judged, problems in all) of each benchmark whose samples are drawn.</param>
    /// <param name="cancel">Stops between decode steps; what is whole is in the log.</param>
    /// <returns>Name and result of each.</returns>
    /// <exception cref="InputException">A fault in the configuration, the checkpoint, the tokenizer or the problems.</exception>
    public static IReadOnlyList<(string Name, EvaluationResult Result)> RunAll(
        RunConfig config,
        string? samplesTo = null,
        Action<int, int>? progress = null,
        Action<string>? warn = null,
        IBackend? backend = null,
        Action<int, int>? judging = null,
        CancellationToken cancel = default)
    {
        var own = config.Evaluation.Benchmarks.Count > 0
            ? ProblemSets.Create(config.Evaluation.Benchmarks[0].Set, config.Evaluation.Benchmarks[0].Settings ?? default)
            : null;
        using var inputs = new RunInputs(config, own, backend);
        if (own is null)
            inputs.CheckHeldOut(config.Evaluation.Problems);
        foreach (var note in inputs.LeftOut.Concat(inputs.CheckBenchmarks()))
            warn?.Invoke(note);
        IReadOnlyList<Benchmark> benchmarks = inputs.Benchmarks.Count > 0 ? inputs.Benchmarks : [Own(inputs, config.Evaluation)];
        foreach (var note in benchmarks.SelectMany(b => b.Set.Notes))
            warn?.Invoke(note);
        using var log = samplesTo is null ? null : SampleLog.Open(samplesTo, Header(inputs, config), benchmarks.SelectMany(b =>
            b.Set.HeldOut(b.Problems).Select(p => (b.Name, p.Id, b.Samples * config.Evaluation.Repeats))));
        return Draw(inputs, config.Evaluation, benchmarks, step: 0, log, progress, cancel, judging: judging);
    }

    /// <summary>Judges completions that were made elsewhere; no model is needed.</summary>
    /// <param name="config">The configuration: evaluation.benchmarks, or the run's own problems where there are none.</param>
    /// <param name="samplesFrom">The completions, see <see cref="SampledFile"/>.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <param name="judging">Called with (problems judged, problems in all) of each benchmark.</param>
    /// <returns>Name and result of each benchmark that has completions.</returns>
    /// <exception cref="InputException">A fault in the configuration, the problems or the completions.</exception>
    public static IReadOnlyList<(string Name, EvaluationResult Result)> Grade(
        RunConfig config,
        string samplesFrom,
        Action<string>? warn = null,
        Action<int, int>? judging = null)
    {
        if (RunConfigRules.Faults(config) is { Count: > 0 } faults)
            throw InputException.Of([.. faults]);
        var opened = Benchmark.Open(config.Evaluation);
        IReadOnlyList<Benchmark> benchmarks = opened.Count > 0 ? opened
            : [new(
                config.Problems.Set,
                ProblemSets.Create(config.Problems.Set, config.Problems.Settings ?? default),
                config.Evaluation.Problems,
                1)];
        var asked = benchmarks.Select(b => (b.Name, Problems: b.Set.HeldOut(b.Problems))).ToArray();
        var found = SampledFile.Read(samplesFrom, asked);
        var results = new List<(string, EvaluationResult)>();
        foreach (var (benchmark, all) in benchmarks.Zip(asked))
        {
            var (problems, completions) = found[benchmark.Name];
            if (problems.Count < all.Problems.Count)
                warn?.Invoke($"{benchmark.Name}: {all.Problems.Count - problems.Count} of {all.Problems.Count} problems have no completion "
                    + "and are left out.");
            if (problems.Count > 0)
                results.Add((benchmark.Name, EvaluationTally.Of(
                    benchmark.Set, problems, completions, repeats: 1, step: 0, seconds: 0, judging)));
        }
        return results;
    }

    /// <summary>Evaluates a policy.</summary>
    /// <param name="policy">The weights.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="problems">The problem set.</param>
    /// <param name="encode">Prompt text to token ids.</param>
    /// <param name="sampling">How to sample.</param>
    /// <param name="count">Held-out problems; fewer where the set has fewer.</param>
    /// <param name="samples">Samples of each.</param>
    /// <param name="seed">Seed of the samples.</param>
    /// <param name="step">Steps of training behind the weights.</param>
    /// <param name="progress">Called with (samples done, samples in all), from any thread.</param>
    /// <param name="backend">Who computes; null is the host.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    public static EvaluationResult Run(
        Policy policy,
        Tokenizer tokenizer,
        IProblemSet problems,
        Func<Problem, int[]> encode,
        SamplerSettings sampling,
        int count,
        int samples,
        ulong seed,
        int step,
        Action<int, int>? progress = null,
        IBackend? backend = null,
        CancellationToken cancel = default)
    {
        var started = Stopwatch.GetTimestamp();
        var heldOut = HeldOut(problems, count);
        using var sampler = backend?.Rollouts(policy, tokenizer, sampling) ?? new Sampler(policy, tokenizer, sampling);
        var request = new DrawRequest([.. heldOut.Select(encode)], samples, Seeds.Derive(seed, Seeds.Purpose.Evaluation), Step: 0);
        var drawn = sampler.Draw(request, progress is null ? null : done => progress(done, heldOut.Count * samples), cancel);
        return EvaluationTally.Of(
            problems,
            heldOut,
            [.. drawn.Select(Completions)],
            repeats: 1,
            step,
            Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    internal static EvaluationResult Run(
        RunInputs inputs,
        EvaluationConfig config,
        int step,
        Action<int, int>? progress,
        CancellationToken cancel,
        Action<Problem, Rollout[]>? seen = null,
        Action<int, int>? judging = null)
    {
        var results =
            Draw(inputs, config, [Own(inputs, config), .. inputs.Benchmarks], step, log: null, progress, cancel, seen, judging);
        return results[0].Result with { Benchmarks = [.. results.Skip(1)] };
    }

    private static Benchmark Own(RunInputs inputs, EvaluationConfig config) =>
        new(inputs.Problems.Name, inputs.Problems, config.Problems, config.Draws);

    private static List<(string Name, EvaluationResult Result)> Draw(
        RunInputs inputs,
        EvaluationConfig config,
        IReadOnlyList<Benchmark> benchmarks,
        int step,
        SampleLog? log,
        Action<int, int>? progress,
        CancellationToken cancel,
        Action<Problem, Rollout[]>? seen = null,
        Action<int, int>? judging = null)
    {
        var asked = benchmarks.Select(b => HeldOut(b.Set, b.Problems)).ToArray();
        // Whatever is wrong with a prompt is told before anything is drawn.
        var prompts = asked.Select(problems => problems.Select(inputs.Encode).ToArray()).ToArray();
        var of = benchmarks.Zip(asked, (b, problems) => problems.Count * b.Samples * config.Repeats).Sum();
        using var sampler = inputs.Backend.Rollouts(inputs.Policy, inputs.Tokenizer, inputs.EvaluationSampler());
        var (results, before) = (new List<(string, EvaluationResult)>(), 0);
        for (var b = 0; b < benchmarks.Count; b++)
        {
            var (benchmark, started) = (benchmarks[b], Stopwatch.GetTimestamp());
            var completions = new List<Completion[]>(asked[b].Count);
            var each = benchmark.Samples * config.Repeats;
            var atOnce = log is null ? asked[b].Count : Math.Max(1, LoggedAtOnce / each);
            while (completions.Count < asked[b].Count)
            {
                var first = completions.Count;
                if (log?.Find(benchmark.Name, asked[b][first]) is { } whole)
                {
                    completions.Add(whole);
                    before += each;
                    progress?.Invoke(before, of);
                    continue;
                }
                var part = prompts[b].AsSpan(first, Math.Min(atOnce, asked[b].Count - first)).ToArray();
                var drawn = part.Select(_ => new List<Completion>(each)).ToArray();
                for (var repeat = 0; repeat < config.Repeats; repeat++)
                {
                    var seed = Seeds.Derive(config.Seed, Seeds.Purpose.Evaluation, repeat);
                    var request = new DrawRequest(part, benchmark.Samples, seed, Step: 0)
                    {
                        Indices = [.. Enumerable.Range(first, part.Length)],
                    };
                    var offset = before;
                    var rollouts = sampler.Draw(request, progress is null ? null : done => progress(offset + done, of), cancel);
                    for (var i = 0; i < part.Length; i++)
                    {
                        drawn[i].AddRange(Completions(rollouts[i]));
                        // The first are the run's own problems.
                        if (b == 0)
                            seen?.Invoke(asked[b][first + i], rollouts[i]);
                    }
                    before += part.Length * benchmark.Samples;
                }
                for (var i = 0; i < part.Length; i++)
                {
                    completions.Add([.. drawn[i]]);
                    log?.Append(benchmark.Name, benchmark.Set, asked[b][first + i], drawn[i]);
                }
            }
            results.Add((benchmark.Name, EvaluationTally.Of(
                benchmark.Set, asked[b], completions, config.Repeats, step, Stopwatch.GetElapsedTime(started).TotalSeconds, judging)));
        }
        return results;
    }

    private static IReadOnlyList<Problem> HeldOut(IProblemSet problems, int count) => problems.HeldOut(count) is { Count: > 0 } heldOut
        ? heldOut
        : throw new InputException($"Problem set '{problems.Name}' has no held-out problems to evaluate on.");

    private static Completion[] Completions(
        Rollout[] rollouts) => [.. rollouts.Select(r => new Completion(r.Text, r.Tokens.Length, r.Finished))];

    // All that the completions depend on.
    private static JsonObject Header(RunInputs inputs, RunConfig config) => new()
    {
        ["samples_of"] = "g2rl evaluate",
        ["weights"] = inputs.Policy.Version.Origin,
        ["configuration"] = RunConfigFile.ToNode(new RunConfig
        {
            Model = config.Model,
            Adapter = config.Adapter,
            Problems = config.Problems,
            Sampling = new()
            {
                MaxPromptTokens = config.Sampling.MaxPromptTokens,
                MaxNewTokens = config.Sampling.MaxNewTokens,
                StopStrings = config.Sampling.StopStrings,
                StopTokens = config.Sampling.StopTokens,
            },
            Evaluation = config.Evaluation with { Every = 0 },
            Execution = new() { Device = config.Execution.Lead, Precision = config.Execution.Precision },
        }),
    };
}
