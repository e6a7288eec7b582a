using System.Text.Json;
using G2RL.Onnx.Problems.Curriculum;
using G2RL.Onnx.Problems.Prompts;

namespace G2RL.Onnx.Problems;

/// <summary>What to train on.</summary>
public sealed record ProblemsConfig
{
    /// <summary>
    /// A name in <c>ProblemSets</c>: arithmetic, countdown, jsonl or file (files of your own), mixture (several sets), or a preset
    /// (docs/benchmarks.md): math, math500, gsm8k, amc, aime24, aime25, gpqa-diamond, mmlu-pro, verl, verl-digits.
    /// </summary>
    public string Set { get; init; } = "arithmetic";

    /// <summary>The set's own settings.</summary>
    public JsonElement? Settings { get; init; }

    /// <summary>Leaves out what is always or never solved, for a while.</summary>
    public PassRateConfig PassRate { get; init; } = new();

    /// <summary>
    /// Whether a plain prompt begins with the special tokens that the tokenizer's post-processor puts before a text (Llama's and Gemma's
    /// beginning token), as
    /// transformers does. What it appends is left out, since the prompt is to be continued; a chat template writes its own.
    /// </summary>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>
    /// Whether prompts go through the model's own chat template (Qwen3's where a Qwen3 model brings none) with the system prompt that asks
    /// for \boxed{}.
    /// </summary>
    public bool Chat { get; init; }

    /// <summary>
    /// Values for variables that a chat template asks for, by name: <c>--set problems.templateVariables.date_string="26 Jul 2024"</c>.
    /// </summary>
    public IReadOnlyDictionary<string, JsonElement> TemplateVariables { get; init; } = new Dictionary<string, JsonElement>();

    /// <summary>
    /// The date that a chat template's <c>strftime_now</c> tells, as 2024-07-26 or 2024-07-26T12:00:00; empty refuses to tell one.
    /// </summary>
    public string Date { get; init; } = "";

    /// <summary>
    /// What becomes of problems whose prompts have more than sampling.maxPromptTokens tokens: refuse, or skip, which leaves them out and
    /// counts them.
    /// </summary>
    public TooLong TooLong { get; init; } = TooLong.Refuse;
}
