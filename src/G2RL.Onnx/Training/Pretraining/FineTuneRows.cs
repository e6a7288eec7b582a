using System.Text.Json;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Sources;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>One row's sequences: one of a prompt and a response, one an answer of a conversation.</summary>
/// <param name="Prompt">Decides whether it is held out.</param>
/// <param name="Sequences">What the model reads and learns.</param>
internal sealed record FineTuneRow(string Prompt, IReadOnlyList<Sequence> Sequences);

/// <summary>Rows of a user's file as sequences whose responses are learned.</summary>
/// <param name="data">Fields and form.</param>
/// <param name="tokenizer">The model's tokenizer.</param>
/// <param name="chat">The model's template; asked only where a row needs it.</param>
/// <param name="ends">Ids that end a response; the first is put behind one that has none.</param>
internal sealed class FineTuneRows(FineTuneData data, Tokenizer tokenizer, Lazy<ChatPrompts> chat, int[] ends)
{
    private static readonly string[] Conversations = ["messages", "conversations", "conversation"];
    private static readonly string[] Prompts = ["prompt", "question", "problem", "instruction"];
    private static readonly string[] Responses = ["response", "completion", "answer", "output", "solution"];
    private static readonly Dictionary<string, string> ShareRoles = new(StringComparer.Ordinal)
    {
        ["human"] = "user",
        ["user"] = "user",
        ["gpt"] = "assistant",
        ["assistant"] = "assistant",
        ["system"] = "system",
    };

    /// <summary>Reads a row.</summary>
    /// <exception cref="RowException">A field is missing or wrong, or the tokenizer or template refuses it.</exception>
    public FineTuneRow Read(SourceRow row)
    {
        try
        {
            var (name, prompt) = row.FindFirst(data.PromptField is { } own ? [own] : [.. Conversations, .. Prompts])
                ?? throw row.Missing(data.PromptField ?? "messages or prompt", "Set data.promptField to the file's name.");
            if (prompt.ValueKind == JsonValueKind.Array && row.FindFirst(Responding()) is not { Value.ValueKind: not JsonValueKind.Null })
                return Conversation(Turns(name, prompt), prompt.GetRawText());
            var (answer, response) = row.FindFirst(Responding())
                ?? throw row.Missing(data.ResponseField ?? "response", "Set data.responseField to the file's name.");
            if (prompt.ValueKind == JsonValueKind.Array)
                return Conversation(
                    [.. Turns(name, prompt), .. response.ValueKind == JsonValueKind.Array
                        ? Turns(answer, response)
                        : [new("assistant", Filled(answer, response))]],
                    prompt.GetRawText());
            var question = Filled(name, prompt);
            // The context of an instruction, where a file has it apart.
            if (name == "instruction" && row.Find("input") is { ValueKind: JsonValueKind.String } input
                && input.GetString() is { Length: > 0 } more)
                question += "\n\n" + more;
            return new(question, [Plain(question, Filled(answer, response))]);
        }
        catch (InputException e)
        {
            throw new RowException($": {e.Message}");
        }
    }

    private string[] Responding() => data.ResponseField is { } own ? [own] : Responses;

    private static string Filled(string name, JsonElement value) => SourceRow.Text(name, value, numberAllowed: true) is { Length: > 0 } text
        ? text
        : throw new RowException($": field '{name}' is empty; fill it, or remove the row.");

    private static IReadOnlyList<ChatMessage> Turns(string name, JsonElement value)
    {
        if (!value.EnumerateArray().Any(t => t.ValueKind == JsonValueKind.Object && t.TryGetProperty("from", out _)))
            return SourceRow.Turns(name, value);
        return [.. value.EnumerateArray().Select((turn, i) =>
            turn.ValueKind == JsonValueKind.Object
            && turn.TryGetProperty("from", out var from)
            && turn.TryGetProperty("value", out var text)
            && from.ValueKind == JsonValueKind.String
            && ShareRoles.TryGetValue(from.GetString()!, out var role)
                ? new ChatMessage(role, Filled(name, text))
                : throw new RowException($": field '{name}', turn {i}: a turn has from (human, gpt or system) and value."))];
    }

    private Sequence Plain(string question, string response)
    {
        if (data.Chat)
            return Learned(chat.Value.Render(question), response);
        var prompt = tokenizer.EncodePrompt(question);
        var whole = tokenizer.EncodePrompt(question + response);
        return Ended(question, prompt, whole, response);
    }

    // Each answer by itself, behind the prompt from which the model will have to give it.
    private FineTuneRow Conversation(IReadOnlyList<ChatMessage> turns, string key)
    {
        var answers = Enumerable.Range(0, turns.Count).Where(i => turns[i].Role == "assistant").ToArray();
        if (answers.Length == 0)
            throw new RowException(": the conversation holds no turn of the assistant, so there is nothing to learn.");
        if (answers[0] == 0)
            throw new RowException(": the conversation begins with an answer; a question must come before it.");
        var learned = (data.LastTurnOnly ? answers[^1..] : answers).Select(i =>
        {
            var prompt = chat.Value.Render([.. turns.Take(i)]);
            var whole = chat.Value.RenderWhole([.. turns.Take(i + 1)]);
            if (turns[i].Content.Length == 0)
                throw new RowException($": turn {i} of the conversation is an empty answer.");
            return Learned(prompt, whole.StartsWith(prompt, StringComparison.Ordinal) ? whole[prompt.Length..] : turns[i].Content);
        });
        return new(key, [.. learned]);
    }

    private Sequence Learned(string prompt, string response) =>
        Ended(prompt, tokenizer.Encode(prompt), tokenizer.Encode(prompt + response), response);

    // The response as it is spelled behind the prompt, where that leaves the prompt's own tokens as they are; it ends with an end token.
    private Sequence Ended(string question, int[] prompt, int[] whole, string response)
    {
        if (prompt.Length == 0)
            throw new RowException($": the prompt '{question}' has no tokens; a model needs something to continue.");
        var ids = whole.Length > prompt.Length && whole.AsSpan().StartsWith(prompt) ? whole[prompt.Length..] : tokenizer.Encode(response);
        // Behind the end token a template may put a line break, which the model need not say.
        var last = Array.FindLastIndex(ids, ends.Contains);
        var isEnded = last >= 0 && string.IsNullOrWhiteSpace(tokenizer.Decode(ids.AsSpan(last + 1), skipSpecial: false));
        if (isEnded)
            ids = ids[..(last + 1)];
        if (ids.All(ends.Contains))
            throw new RowException(
                ": the response has no tokens beside its end; fill it, or see whether the chat template leaves answers out.");
        return new(prompt, isEnded || ends.Length == 0 ? ids : [.. ids, ends[0]]);
    }

    /// <summary>Whether a row is among those held out: a share of all, by its prompt alone.</summary>
    public static bool IsHeldOut(FineTuneRow row, double share) => ProblemRandom.Hash(row.Prompt) * Math.Pow(2, -64) < share;
}
