namespace G2RL.Onnx.Configuration;

/// <summary>How progress is judged.</summary>
public sealed record EvaluationConfig
{
    /// <summary>Steps between evaluations; 0 evaluates before and after only.</summary>
    public int Every { get; init; }

    /// <summary>Held-out problems, >= 1.</summary>
    public int Problems { get; init; } = 500;

    /// <summary>Samples of each, >= 1.</summary>
    public int Samples { get; init; } = 8;

    /// <summary>Divides the logits before a token is drawn, 1e-6 to 1e6; 0 is greedy.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>
    /// Whether the most probable token is taken instead of drawing one. Samples would all be the same, so each problem has one.
    /// </summary>
    public bool Greedy { get; init; }

    /// <summary>Only the smallest set with this mass; 1 is off.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Seed of the evaluation's samples; the same for every run, so that runs are compared on equal terms.</summary>
    public ulong Seed { get; init; } = 20240229;

    /// <summary>
    /// Times that all samples are drawn anew, under seeds of their own, >= 1; numbers are means over them, with their deviation.
    /// </summary>
    public int Repeats { get; init; } = 1;

    /// <summary>
    /// Whether a run with several rewards asks all of them about the samples of its own held-out problems, too, and writes their means.
    /// What is right stays the checker's to say. False spares a judge or a program the work.
    /// </summary>
    public bool Rewards { get; init; } = true;

    /// <summary>
    /// Benchmarks that are evaluated, too: a list of entries { name, set, settings, problems, samples }. <c>g2rl evaluate</c> takes them in
    /// place of the run's own held-out problems.
    /// </summary>
    public IReadOnlyList<BenchmarkConfig> Benchmarks { get; init; } = [];

    /// <summary>Whether no token is drawn.</summary>
    internal bool TakesTheBest => Greedy || Temperature == 0;

    /// <summary>Samples of a problem that are in fact made.</summary>
    internal int Draws => TakesTheBest ? 1 : Samples;
}
