using System.Text.Json;

namespace G2RL.Onnx.Cli.Sampling;

/// <summary>Prompts from a file: one a line, or rows of JSON with a field "prompt".</summary>
internal static class PromptLines
{
    private const int MostShown = 20;

    /// <summary>Reads every prompt before the first is given to a model.</summary>
    /// <exception cref="InputException">The file cannot be read, has no prompt, or a row is no JSON with a prompt; with its
    /// line.</exception>
    public static string[] Read(string path)
    {
        var lines = InputFile.Lines(path).Select((text, i) => (text, Line: i + 1)).Where(l => l.text.Trim().Length > 0).ToArray();
        if (lines.Length == 0)
            throw new InputException($"{path} has no prompt; write one a line.");
        if (!lines[0].text.TrimStart().StartsWith('{'))
            return [.. lines.Select(l => l.text)];
        var (prompts, faults) = (new List<string>(), new List<string>());
        foreach (var (text, line) in lines)
            try
            {
                prompts.Add(Prompt(path, text, line));
            }
            catch (InputException e)
            {
                faults.Add(e.Message);
            }
        if (faults.Count == 0)
            return [.. prompts];
        throw InputException.Of([.. faults.Take(MostShown), .. faults.Count > MostShown
            ? new[] { $"... and {faults.Count - MostShown} more rows." }
            : []]);
    }

    private static string Prompt(string path, string row, int line)
    {
        try
        {
            using var document = JsonDocument.Parse(row);
            if (document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("prompt", out var prompt)
                && prompt.ValueKind == JsonValueKind.String)
                return prompt.GetString()!;
        }
        catch (JsonException e)
        {
            throw new InputException($"{path}, line {line}: {e.Message}", e);
        }
        throw new InputException($"{path}, line {line}: a row is {{\"prompt\": \"...\"}}; this one has no text in a field \"prompt\".");
    }
}
