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

/// <summary>One evaluation on held-out problems.</summary>
/// <param name="Step">Steps of training behind the weights.</param>
/// <param name="Problems">Held-out problems.</param>
/// <param name="Samples">Samples of each.</param>
/// <param name="PassAt1">Mean share of right samples, with its interval over problems.</param>
/// <param name="PassAtN">Share of problems with at least one right sample among all.</param>
/// <param name="MajorityAtN">Share of problems whose most frequent answer text is right.</param>
/// <param name="WellFormed">Share of well-formed samples.</param>
/// <param name="PassAt1WellFormed">Share of right samples among the well-formed ones.</param>
/// <param name="ResponseLength">Mean tokens of a response.</param>
/// <param name="Truncated">Share of samples that the length limit cut off.</param>
/// <param name="Failures">Samples that could not be judged; they are in no share.</param>
/// <param name="Seconds">Wall time.</param>
public sealed record EvaluationResult(int Step, int Problems, int Samples, Interval PassAt1, double PassAtN, double MajorityAtN, double WellFormed, double PassAt1WellFormed, double ResponseLength, double Truncated, int Failures, double Seconds)
{
    /// <summary>The row of evaluations.jsonl.</summary>
    public JsonObject ToJson() => new()
    {
        ["step"] = Step,
        ["problems"] = Problems,
        ["samples"] = Samples,
        ["pass@1"] = PassAt1.Mean,
        ["pass@1_low"] = PassAt1.Low,
        ["pass@1_high"] = PassAt1.High,
        [$"pass@{Samples}"] = PassAtN,
        [$"maj@{Samples}"] = MajorityAtN,
        ["well_formed"] = WellFormed,
        ["pass@1_well_formed"] = PassAt1WellFormed,
        ["response_length"] = ResponseLength,
        ["truncated"] = Truncated,
        ["failures"] = Failures,
        ["seconds"] = Seconds,
    };

    /// <summary>Reads a row of evaluations.jsonl.</summary>
    /// <exception cref="InputException">A field is missing or no number.</exception>
    public static EvaluationResult FromJson(JsonObject row)
    {
        // A row that was not read from text holds whole numbers as integers.
        double Number(string name) => row[name] is JsonValue value
            ? value.TryGetValue<double>(out var number) ? number : value.TryGetValue<int>(out var whole) ? whole : throw Lacks(name)
            : throw Lacks(name);
        InputException Lacks(string name) =>
            new($"An evaluation lacks the number '{name}': {row.ToJsonString()}. It was not written by this program; remove the row.");
        var samples = (int)Number("samples");
        return new((int)Number("step"), (int)Number("problems"), samples, new(Number("pass@1"), Number("pass@1_low"), Number("pass@1_high")), Number($"pass@{samples}"), Number($"maj@{samples}"),
            Number("well_formed"), Number("pass@1_well_formed"), Number("response_length"), Number("truncated"), (int)Number("failures"), Number("seconds"));
    }
}

/// <summary>Samples held-out problems and judges the answers.</summary>
public static class Evaluator
{
    /// <summary>Evaluates the model of a configuration: its weights and what sampling needs, nothing of what training does.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="problems">Problems of one's own; null takes the configuration's.</param>
    /// <param name="progress">Called with (samples done, samples in all), from any thread.</param>
    /// <param name="backend">Who computes, the caller's to dispose of; null is the host.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <exception cref="InputException">A fault in the configuration, the checkpoint, the tokenizer or the problems.</exception>
    public static EvaluationResult Run(RunConfig config, IProblemSet? problems = null, Action<int, int>? progress = null, IBackend? backend = null, CancellationToken cancel = default)
    {
        using var inputs = new RunInputs(config, problems, backend);
        return Run(inputs, config.Evaluation, step: 0, progress, cancel);
    }

    internal static EvaluationResult Run(RunInputs inputs, EvaluationConfig config, int step, Action<int, int>? progress, CancellationToken cancel) =>
        Run(
            inputs.Policy,
            inputs.Tokenizer,
            inputs.Problems,
            inputs.Encode,
            inputs.EvaluationSampler(),
            config.Problems,
            config.Draws,
            config.Seed,
            step,
            progress,
            inputs.Backend,
            cancel);

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
    public static EvaluationResult Run(Policy policy, Tokenizer tokenizer, IProblemSet problems, Func<Problem, int[]> encode, SamplerSettings sampling, int count, int samples, ulong seed, int step, Action<int, int>? progress = null, IBackend? backend = null, CancellationToken cancel = default)
    {
        var started = Stopwatch.GetTimestamp();
        var heldOut = problems.HeldOut(count);
        if (heldOut.Count == 0)
            throw new InputException($"Problem set '{problems.Name}' has no held-out problems to evaluate on.");
        using var sampler = backend?.Rollouts(policy, tokenizer, sampling) ?? new Sampler(policy, tokenizer, sampling);
        var request = new DrawRequest([.. heldOut.Select(encode)], samples, Seeds.Derive(seed, Seeds.Purpose.Evaluation), Step: 0);
        var drawn = sampler.Draw(request, progress is null ? null : done => progress(done, heldOut.Count * samples), cancel);
        var (rates, wellFormed, rightWellFormed, judged, tokens, truncated, failures, solved, majority) = (new List<double>(), 0, 0, 0, 0L, 0, 0, 0, 0);
        for (var i = 0; i < drawn.Length; i++)
        {
            var (right, scored) = (0, 0);
            var answers = new Dictionary<string, (int Count, bool Right)>(StringComparer.Ordinal);
            foreach (var rollout in drawn[i])
            {
                tokens += rollout.Tokens.Length;
                truncated += rollout.Finished ? 0 : 1;
                var outcome = problems.Judge(heldOut[i], rollout.Text, rollout.Finished);
                if (outcome.Kind != OutcomeKind.Score)
                {
                    failures++;
                    continue;
                }
                var isRight = outcome.Score > 0;
                scored++;
                right += isRight ? 1 : 0;
                wellFormed += outcome.WellFormed ? 1 : 0;
                rightWellFormed += outcome.WellFormed && isRight ? 1 : 0;
                var answer = problems.AnswerOf(heldOut[i], rollout.Text) ?? "";
                answers[answer] = (answers.GetValueOrDefault(answer).Count + 1, isRight);
            }
            judged += scored;
            if (scored == 0)
                continue;
            rates.Add((double)right / scored);
            solved += right > 0 ? 1 : 0;
            majority += answers.MaxBy(a => a.Value.Count).Value.Right ? 1 : 0;
        }
        if (rates.Count == 0)
            throw new InputException($"No sample of {heldOut.Count} held-out problems could be judged ({failures} failures). Look at the reward function.");
        // A share lies in [0, 1]; the interval of few problems would reach beyond.
        var interval = Interval.OfMean(rates);
        return new(step, rates.Count, samples, interval with { Low = Math.Max(0, interval.Low), High = Math.Min(1, interval.High) }, (double)solved / rates.Count, (double)majority / rates.Count, (double)wellFormed / judged,
            wellFormed == 0 ? 0 : (double)rightWellFormed / wellFormed, (double)tokens / (heldOut.Count * samples), (double)truncated / (heldOut.Count * samples), failures, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }
}
