using System.Text.Json;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The input rows of <c>score</c>: ids with the length of their prompt, or texts.</summary>
internal static class ScoreRows
{
    private const int MostShown = 20;

    /// <summary>Reads and checks every row; empty lines are passed over.</summary>
    /// <param name="path">JSONL file.</param>
    /// <param name="spec">Bounds ids and lengths.</param>
    /// <param name="tokenizer">For rows of text.</param>
    /// <param name="addSpecial">
    /// Whether texts get the special tokens of the tokenizer's post-processor: what it puts before a text, before the prompt; what it
    /// appends, behind the completion.
    /// </param>
    /// <exception cref="InputException">The file cannot be read, or a row is wrong, with its line number.</exception>
    public static Sequence[] Read(string path, DecoderSpec spec, Lazy<Tokenizer> tokenizer, bool addSpecial = true)
    {
        var (rows, faults) = (new List<Sequence>(), new List<string>());
        foreach (var (line, i) in InputFile.Lines(path, "--input takes a JSONL file.").Select((line, i) => (line, i)))
            try
            {
                if (!string.IsNullOrWhiteSpace(line))
                    rows.Add(Row(line, path, i + 1, spec, tokenizer, addSpecial));
            }
            catch (InputException e) when (e.Message.StartsWith($"{path}:{i + 1}", StringComparison.Ordinal))
            {
                faults.Add(e.Message);
            }
        if (faults.Count > 0)
            throw InputException.Of([.. faults.Take(MostShown), .. faults.Count > MostShown
                ? new[] { $"... and {faults.Count - MostShown} more rows." }
                : []]);
        return rows.Count > 0 ? [.. rows] : throw new InputException($"{path} holds no rows; --input takes one JSON object a line.");
    }

    private static Sequence Row(string line, string path, int number, DecoderSpec spec, Lazy<Tokenizer> tokenizer, bool addSpecial)
    {
        var place = $"{path}:{number}";
        JsonDocument document;
        try
        {
            document = JsonDocument.Parse(line, new() { AllowDuplicateProperties = false });
        }
        catch (JsonException e)
        {
            throw new InputException(InputFile.Foreign(path) ?? $"{place} is not JSON: {e.Message}", e);
        }
        using (document)
        {
            var row = document.RootElement;
            if (row.ValueKind != JsonValueKind.Object)
                throw new InputException($"{place} is a JSON {row.ValueKind}; a row is an object, one a line.");
            var (prompt, response) = row.TryGetProperty("ids", out var ids)
                ? OfIds(row, ids, place)
                : OfTexts(row, place, tokenizer, addSpecial);
            foreach (var id in prompt.Concat(response))
                if (id < 0 || id >= spec.VocabularySize)
                    throw new InputException($"{place}: id {id} lies outside the vocabulary of {spec.VocabularySize}.");
            if (prompt.Length + response.Length > spec.MaxPositions)
                throw new InputException($"{place}: {prompt.Length + response.Length} tokens; the model has {spec.MaxPositions} "
                    + "positions.");
            return new(prompt, response);
        }
    }

    private static (int[] Prompt, int[] Response) OfIds(JsonElement row, JsonElement list, string place)
    {
        if (list.ValueKind != JsonValueKind.Array)
            throw new InputException($"{place}: 'ids' is a JSON {list.ValueKind}; it is a list of whole numbers.");
        var ids = list.EnumerateArray().Select(id => id.ValueKind == JsonValueKind.Number && id.TryGetInt32(out var value)
            ? value
            : throw new InputException($"{place}: 'ids' holds {id.GetRawText()}; ids are whole numbers.")).ToArray();
        if (!row.TryGetProperty("prompt_length", out var given)
            || given.ValueKind != JsonValueKind.Number
            || !given.TryGetInt32(out var length))
            throw new InputException($"{place}: 'prompt_length' is missing or no whole number; it says how many of the ids are prompt.");
        if (length < 1 || length >= ids.Length)
            throw new InputException($"{place}: prompt_length is {length} of {ids.Length} ids; prompt and response need at least one "
                + "each.");
        return (ids[..length], ids[length..]);
    }

    private static (int[] Prompt, int[] Response) OfTexts(JsonElement row, string place, Lazy<Tokenizer> tokenizer, bool addSpecial)
    {
        int[] Encode(string name, Func<Tokenizer, string, int[]> encode)
        {
            if (!row.TryGetProperty(name, out var text) || text.ValueKind != JsonValueKind.String)
                throw new InputException($"{place}: a row has 'ids' and 'prompt_length', or the texts 'prompt' and 'completion'.");
            try
            {
                return encode(tokenizer.Value, text.GetString()!);
            }
            catch (InvalidOperationException e)
            {
                // An escape such as \ud800 that stands for half a character.
                throw new InputException($"{place}: '{name}' is not Unicode: {e.Message}", e);
            }
            catch (InputException e)
            {
                throw new InputException($"{place}: {e.Message}", e);
            }
        }
        var prompt = Encode("prompt", (t, text) => addSpecial ? t.EncodePrompt(text) : t.Encode(text));
        var response = Encode("completion", (t, text) => addSpecial ? t.EncodeContinuation(text) : t.Encode(text));
        return prompt.Length > 0 && response.Length > 0
            ? (prompt, response)
            : throw new InputException($"{place}: prompt and completion need at least one token each.");
    }
}
