using System.Text.Json;

namespace G2RL.Onnx.Problems;

/// <summary>What to train on.</summary>
public sealed record ProblemsConfig
{
    /// <summary>A name in <c>ProblemSets</c>: arithmetic, jsonl, countdown.</summary>
    public string Set { get; init; } = "arithmetic";

    /// <summary>The set's own settings.</summary>
    public JsonElement? Settings { get; init; }

    /// <summary>Whether prompts go through the model's own chat template (Qwen3's where a Qwen3 model brings none) with the system prompt that asks for \boxed{}.</summary>
    public bool Chat { get; init; }
}
