using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Problems.Presets;

/// <summary>A known data set: defaults for <see cref="FileProblems"/> that fit its files. Every one of them can be set otherwise.</summary>
/// <param name="Name">Its name in <see cref="ProblemPresets.All"/>, and that of the problem set.</param>
/// <param name="Title">What it is.</param>
/// <param name="Where">Where its file is to be had; nothing is fetched.</param>
/// <param name="Settings">Fields, prompt, policy and expected rows.</param>
public sealed record ProblemPreset(string Name, string Title, string Where, FileProblemsSettings Settings)
{
    // The base prompt is what the system turn of a chat says, behind the question.
    internal const string Boxed = "{prompt}\n\n" + SystemPrompts.ReasonStepByStep + "\n\n";

    /// <summary>Questions with free answers in a box.</summary>
    internal static FileProblemsSettings Mathematics { get; } =
        new() { Template = Boxed, Policy = "math", RequireFinished = false, KeepRepeated = true };

    /// <summary>Questions whose answer is an option's letter.</summary>
    internal static FileProblemsSettings Letters(
        ChoiceSettings choice) => new() { Choice = choice, Policy = "choice", RequireFinished = false, KeepRepeated = true };
}
