using System.Text.Json;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Tokenizers.Jinja;

namespace G2RL.Onnx.Tokenizers.Chat;

/// <summary>The chat template that a checkpoint brings: Jinja in tokenizer_config.json, or in chat_template.jinja.</summary>
public sealed class JinjaChatTemplate
{
    private readonly JinjaTemplate template;
    private readonly Dictionary<string, object?> tokens = new(StringComparer.Ordinal);

    /// <param name="source">The template's text.</param>
    /// <param name="bosToken">
    /// The text of the token that begins a text, for the template's <c>bos_token</c>; null to leave it undefined.
    /// </param>
    /// <param name="eosToken">The same for <c>eos_token</c>.</param>
    /// <exception cref="InputException">
    /// A mistake in the template (its line is named), or something of Jinja that chat templates do not use.
    /// </exception>
    public JinjaChatTemplate(string source, string? bosToken = null, string? eosToken = null)
    {
        template = new JinjaTemplate(source);
        if (bosToken is not null)
            tokens["bos_token"] = bosToken;
        if (eosToken is not null)
            tokens["eos_token"] = eosToken;
    }

    /// <summary>
    /// Reads a folder's template: chat_template.jinja, else <c>chat_template</c> of tokenizer_config.json (of several, the one named
    /// default). Null when there is none.
    /// </summary>
    /// <exception cref="InputException">A file is malformed, or the template is.</exception>
    public static JinjaChatTemplate? Load(string folder)
    {
        folder = GgufCache.FolderOf(folder);
        var json = new TokenizerJson(Path.Combine(folder, "tokenizer_config.json"));
        string? source = null, bos = null, eos = null;
        if (json.Exists)
        {
            json.Read(root =>
            {
                json.Object(root, "the file");
                source = Source(json, root);
                (bos, eos) = (Token(json, root, "bos_token"), Token(json, root, "eos_token"));
            });
        }

        var own = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(own))
            source = InputFile.Text(own);
        return source is null ? null : new JinjaChatTemplate(source, bos, eos);
    }

    /// <summary>A conversation as the text that the model was trained on.</summary>
    /// <param name="messages">The conversation, at least one message.</param>
    /// <param name="options">Null for the defaults.</param>
    /// <param name="variables">
    /// Further variables of the template, as JSON values by name; null for none. They replace those of the same name.
    /// </param>
    /// <param name="date">What the template's <c>strftime_now</c> tells; null refuses templates that ask for today.</param>
    /// <exception cref="InputException">
    /// No messages, arguments or tools that are no JSON, or the template refuses the conversation.
    /// </exception>
    /// <remarks>The reference is <c>apply_chat_template</c> with <c>tokenize=False</c>.</remarks>
    public string Render(
        IReadOnlyList<ChatMessage> messages,
        ChatOptions? options = null,
        IReadOnlyDictionary<string, string>? variables = null,
        DateTime? date = null)
    {
        options ??= new ChatOptions();
        if (messages.Count == 0)
            throw new InputException("The conversation is empty; a chat prompt needs at least one message.");
        var values = new Dictionary<string, object?>(tokens, StringComparer.Ordinal)
        {
            ["messages"] = messages.Select((m, i) => (object?)Message(m, i)).ToList(),
            ["add_generation_prompt"] = options.AddGenerationPrompt,
            ["tools"] = options.ToolsJson is { Count: > 0 } tools ? tools.Select((t, i) => Parsed(t, $"tools[{i}]")).ToList() : null,
        };
        if (!options.EnableThinking)
            values["enable_thinking"] = false;
        foreach (var (name, value) in variables ?? new Dictionary<string, string>())
            values[name] = Parsed(value, name);
        return template.Render(values, date);
    }

    private static JinjaMapping Message(ChatMessage message, int at)
    {
        var result = new JinjaMapping { ["role"] = message.Role, ["content"] = message.Content };
        if (message.ReasoningContent is not null)
            result["reasoning_content"] = message.ReasoningContent;
        if (message.ToolCalls is { Count: > 0 } calls)
        {
            result["tool_calls"] = calls.Select((c, i) => (object?)new JinjaMapping
            {
                ["type"] = "function",
                ["function"] = new JinjaMapping
                {
                    ["name"] = c.Name,
                    ["arguments"] = Parsed(c.ArgumentsJson, $"messages[{at}].tool_calls[{i}].arguments"),
                },
            }).ToList();
        }

        return result;
    }

    private static object? Parsed(string json, string name)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return JinjaValue.Of(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{name} is no JSON: {e.Message}", e);
        }
    }

    private static string? Source(TokenizerJson json, JsonElement root)
    {
        if (!root.TryGetProperty("chat_template", out var value) || value.ValueKind != JsonValueKind.Array)
            return json.Text(root, "chat_template", "the file");
        foreach (var entry in value.EnumerateArray())
            if (json.Text(json.Object(entry, "chat_template"), "name", "chat_template") == "default")
                return json.Text(entry, "template", "chat_template");
        throw json.Fault("chat_template is a list without one named default.");
    }

    private static string? Token(TokenizerJson json, JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object
            ? json.Text(value, "content", name)
            : json.Text(root, name, "the file");
}
