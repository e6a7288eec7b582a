using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;

namespace G2RL.Onnx.Experiments;

/// <summary>
/// Arms x seeds on one or several base models: the same run, changed in one thing at a time. One JSON file, see
/// <see cref="ExperimentFile"/>.
/// </summary>
public sealed record Experiment
{
    /// <summary>Title, and last part of the output folder's name: letters, digits, '-', '_', '.'.</summary>
    public string Name { get; init; } = "experiment";

    /// <summary>
    /// Settings that every run shares, as in a run's configuration; what is left out has its default. Not name, output or seed, which the
    /// experiment gives.
    /// </summary>
    public JsonObject Run { get; init; } = [];

    /// <summary>Base models: their name and what is different with each, such as model, problems and steps.</summary>
    public IReadOnlyList<ExperimentVariant> Bases { get; init; } = [new() { Name = "base" }];

    /// <summary>The arms: their name and what is different with each, such as algorithm.name.</summary>
    public IReadOnlyList<ExperimentVariant> Arms { get; init; } =
        [new() { Name = "grpo", Settings = new() { ["algorithm"] = new JsonObject { ["name"] = "grpo" } } }, new() { Name = "g2rl" }];

    /// <summary>The arm that every other is compared with, seed by seed.</summary>
    public string Baseline { get; init; } = "grpo";

    /// <summary>Further pairs of arms to compare, such as a method with its own control.</summary>
    public IReadOnlyList<ExperimentContrast> Contrasts { get; init; } = [];

    /// <summary>Seeds of the runs; at least 3 make an interval worth reading.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [0, 1, 2, 3, 4];

    /// <summary>What the geometry of each policy is measured on, before and after training; null measures none.</summary>
    public GeometrySettings? Geometry { get; init; } = new();
}

/// <summary>A base model or an arm.</summary>
public sealed record ExperimentVariant
{
    /// <summary>Its name in tables and folders: letters, digits, '-', '_', '.'.</summary>
    public string Name { get; init; } = "";

    /// <summary>
    /// A part of a run's configuration, laid over the shared one: groups setting by setting, values and problems.settings as a whole.
    /// </summary>
    public JsonObject Settings { get; init; } = [];
}

/// <summary>Two arms to compare seed by seed.</summary>
/// <param name="Arm">The arm.</param>
/// <param name="Against">What is subtracted from it.</param>
public sealed record ExperimentContrast(string Arm, string Against);
