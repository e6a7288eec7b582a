using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>What a user sees of a run: a line (or, under --json, a row) a step and an evaluation, and how much is left.</summary>
internal sealed class TrainingView(RunConfig config, ProgressLine progress, bool json)
{
    private int step;
    private int evaluations;
    private double samples = Samples(config.Evaluation);

    /// <summary>Whether anything was computed; false when a run was complete before.</summary>
    public bool Worked { get; private set; }

    public TrainingEvents Events => new()
    {
        Warning = progress.Warning,
        Started = done =>
        {
            (step, evaluations) = (done, done == 0 ? 0 : 1 + Between(done - 1));
            progress.StartAt(Overall(0, 0));
        },
        Progress = (phase, done, of) =>
        {
            var share = (double)done / of;
            if (phase == "check")
                progress.Show("checking prompts", done, of, 0);
            else if (phase == "evaluate")
            {
                // The benchmarks may hold fewer problems than were asked for.
                samples = of;
                progress.Show($"evaluation after {step} steps, samples", done, of, Overall(0, share));
            }
            else if (phase.StartsWith("evaluate ", StringComparison.Ordinal))
                progress.Show($"evaluation after {step} steps, {phase["evaluate ".Length..]}", done, of, Overall(0, 1));
            else
                progress.Show($"step {step + 1}/{config.Steps}, {Told(phase)}", done, of, Overall(Before(phase, share), 0));
        },
        Step = m =>
        {
            (step, Worked) = (m.Step, true);
            Show(m.ToJson(), Describe(m));
            progress.Show("steps", step, config.Steps, Overall(0, 0));
        },
        Evaluation = e =>
        {
            (evaluations, Worked) = (evaluations + 1, true);
            var result = EvaluationResult.FromJson(e);
            Show(e, Describe(result), Ansi.Cyan);
            if (result.Doubt is { } doubt && !json)
                progress.Line(doubt, Ansi.Bold);
        },
    };

    /// <summary>Writes a row under --json, else a line.</summary>
    public void Show(JsonObject row, string line, string colour = "")
    {
        if (json)
            Console.WriteLine(row.ToJsonString());
        else
            progress.Line(line, colour);
    }

    private static string Told(string phase) => phase switch
    {
        "sample" => "sampling, rollouts",
        "resample" => "sampling anew, rollouts",
        "greedy" => "sampling greedily, prompts",
        "score" => "scoring, rollouts",
        "train" => "training, rollouts",
        _ => $"{phase}, rollouts",
    };

    // Training on a rollout takes about as long as drawing it, and a forward pass a third of that.
    private static double Before(string phase, double share) => phase switch
    {
        "sample" => share / 2,
        "train" => 0.5 + (share / 2),
        _ => 0.5,
    };

    // The share of all work, counted in rollouts; training on one takes about as long as drawing it.
    private double Overall(double ofStep, double ofEvaluation)
    {
        var (perStep, perEvaluation) = (2.0 * config.Sampling.PromptsPerStep * config.Sampling.GroupSize, samples);
        var total = (config.Steps * perStep) + ((2 + Between(config.Steps - 1)) * perEvaluation);
        return Math.Min(1, (((step + ofStep) * perStep) + ((evaluations + ofEvaluation) * perEvaluation)) / total);
    }

    // Samples of an evaluation, its benchmarks included, as far as the configuration tells.
    private static double Samples(EvaluationConfig e)
    {
        double Of(int? problems, int? each) =>
            (double)(problems ?? e.Problems) * (e.Greedy || e.Temperature == 0 ? 1 : each ?? e.Samples) * e.Repeats;
        return Of(null, null) + e.Benchmarks.Sum(b => Of(b.Problems, b.Samples));
    }

    // Evaluations between the first and the last, up to a step.
    private int Between(int upTo) => config.Evaluation.Every > 0 ? upTo / config.Evaluation.Every : 0;

    private string Describe(StepMetrics m)
    {
        string Value(string name, string label, string format) =>
            m.Values.TryGetValue(name, out var v) ? $"  {label} {v.ToString(format)}" : "";
        return $"step {m.Step,4}/{config.Steps}" + Value("reward/right_share", "right", "P1") + Value("g2rl/nu_mean", "nu", "0.000")
            + Value("policy/kl_nats", "kl", "0.0000")
            + Value("policy/entropy_nats", "entropy", "0.000") + Value("policy/clip_share", "clip", "P1")
            + Value("response/length_mean", "length", "0.0") + Value("speed/sample_tokens_per_s", "tokens/s", "0")
            + Value("time/step_s", "s", "0.00");
    }

    private static string Describe(EvaluationResult e) =>
        $"evaluation after {e.Step} steps: "
            + $"pass@1 {e.PassAt1.Mean:P1}{(e.SaysNothing ? "" : $" [{e.PassAt1.Low:P1}, {e.PassAt1.High:P1}]")}, "
            + $"pass@{e.Samples} {e.PassAtN:P1}, maj@{e.Samples} "
            + $"{e.MajorityAtN:P1}, well-formed {e.WellFormed:P1}, {e.Problems} problems x {e.Samples} samples, {e.Seconds:0.0} s";
}
