using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Training;

/// <summary>What a listener is told while a run is at work. Every member may be left out; calls come from any thread.</summary>
public sealed record TrainingEvents
{
    /// <summary>Work begins; so many steps were done before, 0 in a new run.</summary>
    public Action<int>? Started { get; init; }

    /// <summary>A step has ended.</summary>
    public Action<StepMetrics>? Step { get; init; }

    /// <summary>An evaluation has ended: the row of evaluations.jsonl.</summary>
    public Action<JsonObject>? Evaluation { get; init; }

    /// <summary>A phase has come this far: (phase, done, of).</summary>
    public Action<string, int, int>? Progress { get; init; }

    /// <summary>Something that deserves a word.</summary>
    public Action<string>? Warning { get; init; }
}
