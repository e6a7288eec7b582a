using System.Text;

namespace G2RL.Onnx.Tokenizers.Chat;

/// <summary>One call of a function by the assistant.</summary>
/// <param name="Name">The function.</param>
/// <param name="ArgumentsJson">Its arguments as the JSON text to show.</param>
public sealed record ChatToolCall(string Name, string ArgumentsJson);

/// <summary>One message of a conversation.</summary>
/// <param name="Role"><c>system</c>, <c>user</c>, <c>assistant</c> or <c>tool</c>.</param>
/// <param name="Content">Its text.</param>
/// <param name="ReasoningContent">The assistant's reasoning, when it is kept apart from the text; null to take it from a
/// <c>&lt;think&gt;</c> part of the text.</param>
/// <param name="ToolCalls">The assistant's function calls, or null.</param>
public sealed record ChatMessage(
    string Role,
    string Content,
    string? ReasoningContent = null,
    IReadOnlyList<ChatToolCall>? ToolCalls = null);

/// <summary>How a conversation becomes a prompt.</summary>
/// <param name="AddGenerationPrompt">Whether the text ends where the assistant's next answer begins.</param>
/// <param name="EnableThinking">False to give the model an empty reasoning part, so that it answers at once.</param>
/// <param name="ToolsJson">The functions on offer, each the JSON text of its signature, or null.</param>
public sealed record ChatOptions(bool AddGenerationPrompt = true, bool EnableThinking = true, IReadOnlyList<string>? ToolsJson = null);

/// <summary>Conversations as the text that a chat model was trained on.</summary>
public static class ChatTemplate
{
    /// <summary>Qwen3's template: the same text as its Jinja template gives.</summary>
    /// <param name="messages">The conversation, at least one message.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <exception cref="InputException">No messages, or a role that the template does not know.</exception>
    /// <remarks>
    /// Source: <c>chat_template</c> in the tokenizer_config.json of Qwen/Qwen3 models. Reasoning before the last user turn is left out.
    /// </remarks>
    public static string Qwen3(IReadOnlyList<ChatMessage> messages, ChatOptions? options = null)
    {
        options ??= new ChatOptions();
        if (messages.Count == 0)
            throw new InputException("The conversation is empty; a chat prompt needs at least one message.");
        var text = new StringBuilder();
        WriteHead(text, messages[0], options.ToolsJson);
        var lastQuery = LastQuery(messages);
        for (var i = 0; i < messages.Count; i++)
        {
            var message = messages[i];
            switch (message.Role)
            {
                case "system" when i == 0:
                    break;
                case "user" or "system":
                    text.Append("<|im_start|>").Append(message.Role).Append('\n').Append(message.Content).Append("<|im_end|>\n");
                    break;
                case "assistant":
                    WriteAssistant(text, message, i > lastQuery, i == messages.Count - 1);
                    break;
                case "tool":
                    // Answers of several functions in a row share one user turn.
                    if (i == 0 || messages[i - 1].Role != "tool")
                        text.Append("<|im_start|>user");
                    text.Append("\n<tool_response>\n").Append(message.Content).Append("\n</tool_response>");
                    if (i == messages.Count - 1 || messages[i + 1].Role != "tool")
                        text.Append("<|im_end|>\n");
                    break;
                default:
                    throw new InputException($"messages[{i}].role is '{message.Role}'; Qwen3's template knows system, user, assistant and "
                        + "tool.");
            }
        }

        if (options.AddGenerationPrompt)
            text.Append("<|im_start|>assistant\n").Append(options.EnableThinking ? "" : "<think>\n\n</think>\n\n");
        return text.ToString();
    }

    private static void WriteHead(StringBuilder text, ChatMessage first, IReadOnlyList<string>? tools)
    {
        var system = first.Role == "system" ? first.Content : null;
        if (tools is not { Count: > 0 })
        {
            if (system is not null)
                text.Append("<|im_start|>system\n").Append(system).Append("<|im_end|>\n");
            return;
        }

        text.Append("<|im_start|>system\n");
        if (system is not null)
            text.Append(system).Append("\n\n");
        text.Append("# Tools\n\nYou may call one or more functions to assist with the user query.\n\n")
            .Append("You are provided with function signatures within <tools></tools> XML tags:\n<tools>");
        foreach (var tool in tools)
            text.Append('\n').Append(tool);
        text.Append("\n</tools>\n\nFor each function call, return a json object with function name and arguments within "
            + "<tool_call></tool_call> XML tags:\n")
            .Append("<tool_call>\n{\"name\": <function-name>, \"arguments\": <args-json-object>}\n</tool_call><|im_end|>\n");
    }

    private static int LastQuery(IReadOnlyList<ChatMessage> messages)
    {
        for (var i = messages.Count - 1; i >= 0; i--)
        {
            var content = messages[i].Content;
            if (messages[i].Role == "user" && !(content.StartsWith("<tool_response>", StringComparison.Ordinal)
                && content.EndsWith("</tool_response>", StringComparison.Ordinal)))
                return i;
        }

        return messages.Count - 1;
    }

    private static void WriteAssistant(StringBuilder text, ChatMessage message, bool afterLastQuery, bool last)
    {
        var content = message.Content;
        var reasoning = message.ReasoningContent ?? "";
        if (message.ReasoningContent is null && content.Contains("</think>", StringComparison.Ordinal))
        {
            var before = content[..content.IndexOf("</think>", StringComparison.Ordinal)].TrimEnd('\n');
            reasoning = before[(before.LastIndexOf("<think>", StringComparison.Ordinal) is var open and >= 0
                ? open + "<think>".Length
                : 0)..].TrimStart('\n');
            content = content[(content.LastIndexOf("</think>", StringComparison.Ordinal) + "</think>".Length)..].TrimStart('\n');
        }

        text.Append("<|im_start|>assistant\n");
        if (afterLastQuery && (last || reasoning.Length > 0))
            text.Append("<think>\n").Append(reasoning.Trim('\n')).Append("\n</think>\n\n").Append(content.TrimStart('\n'));
        else
            text.Append(content);
        for (var i = 0; i < (message.ToolCalls?.Count ?? 0); i++)
        {
            if (i > 0 || content.Length > 0)
                text.Append('\n');
            text.Append("<tool_call>\n{\"name\": \"")
                .Append(message.ToolCalls![i].Name)
                .Append("\", \"arguments\": ")
                .Append(message.ToolCalls[i].ArgumentsJson)
                .Append("}\n</tool_call>");
        }

        text.Append("<|im_end|>\n");
    }
}
