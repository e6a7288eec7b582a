using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Training;

/// <summary>Problems that are chat turns, as the text that the model's template makes of them.</summary>
/// <param name="config">The run.</param>
/// <param name="chat">The template where every problem goes through it; conversations of a file's own do anyhow.</param>
/// <param name="find">The model's template, or null.</param>
internal sealed class Conversations(RunConfig config, ChatPrompts? chat, Func<ChatPrompts?> find)
{
    private readonly Lazy<ChatPrompts?> template = new(() => chat ?? find());

    /// <summary>The text; null of a problem that is asked by its prompt.</summary>
    /// <exception cref="InputException">The template refuses the turns, or there is none and the problem needs one.</exception>
    public string? Render(Problem problem)
    {
        if (problem.Turns is not { } turns || (chat is null && problem.Conversation is null))
            return null;
        if (template.Value is { } prompts)
            return prompts.Render(turns);
        return problem.Conversation != TurnsKind.Template
            ? null
            : throw new InputException(
                $"{problem.Id} is a conversation and problems.settings.turns is template, but {config.Model} brings no chat template. "
                + "Add the model's chat_template.jinja, or set problems.settings.turns to text.");
    }

    /// <summary>What deserves a word: conversations whose text alone is the prompt.</summary>
    public IEnumerable<string> Warnings(IEnumerable<Problem> problems)
    {
        if (problems.FirstOrDefault(p => p.Conversation == TurnsKind.Auto) is { } first && template.Value is null)
            yield return $"{first.Id} and others are conversations, but {config.Model} brings no chat template: the text of their turns is "
                + "the prompt.";
    }
}
