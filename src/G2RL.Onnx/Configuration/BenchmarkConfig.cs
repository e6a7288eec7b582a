using System.Text.Json;

namespace G2RL.Onnx.Configuration;

/// <summary>
/// One benchmark of an evaluation: a problem set whose held-out side is asked. What is left out is as in the evaluation's settings.
/// </summary>
public sealed record BenchmarkConfig
{
    /// <summary>Its name in tables and rows; empty is the set's.</summary>
    public string Name { get; init; } = "";

    /// <summary>A name in <c>ProblemSets</c>, such as math500; see docs/benchmarks.md.</summary>
    public string Set { get; init; } = "";

    /// <summary>The set's own settings, such as <c>heldOut</c>, its file.</summary>
    public JsonElement? Settings { get; init; }

    /// <summary>Held-out problems, >= 1; null is evaluation.problems.</summary>
    public int? Problems { get; init; }

    /// <summary>Samples of each, >= 1; null is evaluation.samples.</summary>
    public int? Samples { get; init; }

    internal string Label => Name.Length > 0 ? Name : Set;
}
