using System.Text.Json;

namespace G2RL.Onnx.Cli.Sampling;

/// <summary>Prompts from a file: one a line, or rows of JSON with a field "prompt".</summary>
internal static class PromptLines
{
    /// <summary>Reads every prompt before the first is given to a model.</summary>
    /// <exception cref="InputException">The file cannot be read, has no prompt, or a row is no JSON with a prompt; with its
    /// line.</exception>
    public static string[] Read(string path)
    {
        var lines = InputFile.Lines(path).Select((text, i) => (text, Line: i + 1)).Where(l => l.text.Trim().Length > 0).ToArray();
        if (lines.Length == 0)
            throw new InputException($"{path} has no prompt; write one a line.");
        return lines[0].text.TrimStart().StartsWith('{')
            ? [.. lines.Select(l => Prompt(path, l.text, l.Line))]
            : [.. lines.Select(l => l.text)];
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
