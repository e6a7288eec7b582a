using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Tokenizers;

/// <summary>System prompts for reasoning tasks.</summary>
internal static class SystemPrompts
{
    /// <summary>
    /// Asks for reasoning first and for the answer in a box, as the method's training runs do (arXiv:2512.15687, appendix A.2).
    /// </summary>
    public const string ReasonStepByStep = @"Please reason step by step, and put your final answer within \boxed{}.";
}

/// <summary>Questions as prompts of Qwen3; for any model see <see cref="ChatPrompts"/>.</summary>
internal static class Prompting
{
    /// <summary>A question as a Qwen3 chat prompt that asks for step-by-step reasoning, ending where the answer begins.</summary>
    /// <param name="question">The question.</param>
    /// <param name="system">The system prompt; null for <see cref="SystemPrompts.ReasonStepByStep"/>.</param>
    /// <param name="enableThinking">False to begin the answer behind an empty reasoning part.</param>
    public static string ChatPrompt(string question, string? system = null, bool enableThinking = true) =>
        ChatTemplate.Qwen3(
            [new("system", system ?? SystemPrompts.ReasonStepByStep), new("user", question)],
            new ChatOptions(EnableThinking: enableThinking));
}
