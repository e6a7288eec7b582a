namespace G2RL.Onnx.Tokenizers.Chat;

/// <summary>
/// How a problem's text becomes the ids that a model continues: through its chat template, or as it stands behind the tokenizer's special
/// tokens.
/// </summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="chat">The chat template; null takes the text as it stands.</param>
/// <param name="addSpecialTokens">
/// Whether a plain text is begun as <see cref="Tokenizer.EncodePrompt"/> does. A template writes its own beginning, so it never gets a
/// second one.
/// </param>
internal sealed class PromptEncoder(Tokenizer tokenizer, ChatPrompts? chat, bool addSpecialTokens)
{
    /// <summary>The ids of a prompt.</summary>
    /// <exception cref="InputException">A character that the vocabulary lacks, or a template that refuses the question.</exception>
    public int[] Encode(string text) =>
        chat is not null ? tokenizer.Encode(chat.Render(text))
        : addSpecialTokens ? tokenizer.EncodePrompt(text) : tokenizer.Encode(text);
}
