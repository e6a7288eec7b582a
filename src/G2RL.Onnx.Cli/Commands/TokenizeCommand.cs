using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>What a tokenizer makes of texts.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var (model, json) = (CommonOptions.Model(), CommonOptions.Json());
        model.Required = false;
        model.DefaultValueFactory = _ => "models/arithmetic-base";
        var text = new Option<string[]>("--text")
        {
            Description = "A text; may be repeated. Without --text, --ids and --input the standard input is read, one text a line.",
            HelpName = "TEXT",
            DefaultValueFactory = _ => [],
        };
        var input = new Option<string?>("--input")
        {
            Description = "Text file with one text a line, or JSONL with a field \"text\" or \"prompt\".",
            HelpName = "FILE",
        };
        var ids = new Option<string?>("--ids") { Description = "Ids to be decoded, for example 3,17,4.", HelpName = "N,N,..." };
        var special = new Option<bool>("--add-special-tokens")
        {
            Description = "Puts around each text what the tokenizer's post-processor adds (<s> before it).",
        };
        var chat = new Option<bool>("--chat") { Description = "Each text is a question: shows the prompt that the chat template makes." };
        var counts = new Option<bool>("--counts") { Description = "Only how many tokens each text has, and all of them." };
        var command = new Command("tokenize", """
            Shows what a model's tokenizer makes of texts: ids, pieces, where each piece stands in the text, and how many there are.

              g2rl tokenize --model models/arithmetic-base --text "12+30-7="
              g2rl tokenize --model Qwen3-0.6B --chat --text "What is 2+2?"
              g2rl tokenize --model Qwen3-0.6B --input problems.jsonl --counts
              g2rl tokenize --ids 5,6,7

            With --json a row a text: {"text", "count", "characters", "bytes", "ids", "pieces", "offsets", "lossless"}. Offsets count
            Unicode characters of the decoded text, from the first one to the one behind the last; "lossless" says that this is the
            text that was given (else it stands in "decoded").
            """)
        {
            model, text, input, ids, special, chat, counts, json,
        };
        command.SetAction(parsed =>
        {
            using var source = new ModelSource(parsed.GetValue(model)!);
            var tokenizer = Tokenizer.Load(source.Folder);
            if (File.Exists(Path.Combine(source.Folder, "config.json")))
                TokenizerFit.Require(tokenizer, Architectures.Read(source.Folder).VocabularySize, source.Folder, CommonOptions.Warn);
            if (new[] { parsed.GetValue(text)!.Length > 0, parsed.GetValue(input) is not null, parsed.GetValue(ids) is not null }
                .Count(given => given) > 1)
                throw new InputException("--text, --input and --ids: give one of them.");
            var template = parsed.GetValue(chat)
                ? ChatPrompts.Load(source.Folder, Architectures.Read(source.Folder).Architecture, "You are a helpful assistant.")
                : null;
            var rows = parsed.GetValue(ids) is { } list
                ? [Tokenized.OfIds(tokenizer, Ids(list, tokenizer))]
                : Texts(parsed.GetValue(text)!, parsed.GetValue(input)).Select(given =>
                {
                    var whole = template is null ? given : template.Render([new("user", given)]);
                    return Tokenized.OfText(tokenizer, whole, parsed.GetValue(special));
                });
            var (texts, tokens, most) = (0, 0L, 0);
            foreach (var row in rows)
            {
                (texts, tokens, most) = (texts + 1, tokens + row.Ids.Length, Math.Max(most, row.Ids.Length));
                if (parsed.GetValue(json))
                    Console.WriteLine(row.ToJson(tokenizer, parsed.GetValue(counts)).ToJsonString());
                else
                    Print(row, tokenizer, parsed.GetValue(counts));
            }
            if (!parsed.GetValue(json) && texts > 1)
                Console.WriteLine($"{texts} texts, {tokens} tokens, {(double)tokens / texts:0.0} a text, at most {most}");
            return 0;
        });
        return command;
    }

    private static IEnumerable<string> Texts(string[] given, string? file)
    {
        if (given.Length > 0)
            return given;
        if (file is null)
            return StandardInput();
        var lines = InputFile.Lines(file).Select((line, i) => (line, Number: i + 1)).Where(l => l.line.Length > 0).ToArray();
        return lines.Length == 0 ? throw new InputException($"{file} has no text; write one a line.")
            : lines[0].line.TrimStart().StartsWith('{') ? [.. lines.Select(l => Field(file, l.line, l.Number))]
            : [.. lines.Select(l => l.line)];
    }

    private static IEnumerable<string> StandardInput()
    {
        while (Console.ReadLine() is { } line)
            yield return line;
    }

    private static string Field(string file, string line, int number)
    {
        try
        {
            using var row = JsonDocument.Parse(line);
            if (row.RootElement.ValueKind == JsonValueKind.Object)
                foreach (var name in new[] { "text", "prompt", "question", "problem" })
                    if (row.RootElement.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String)
                        return value.GetString()!;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new InputException($"{file}:{number} is not JSON: {e.Message}", e);
        }
        throw new InputException($"{file}:{number} has no text in a field \"text\", \"prompt\", \"question\" or \"problem\".");
    }

    private static int[] Ids(string list, Tokenizer tokenizer) =>
        [.. list.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(word =>
            int.TryParse(word, NumberStyles.None, CultureInfo.InvariantCulture, out var id) && id < tokenizer.VocabularySize
                ? id
                : throw new InputException($"--ids holds '{word}'; ids are whole numbers from 0 to {tokenizer.VocabularySize - 1}."))];

    private static void Print(Tokenized row, Tokenizer tokenizer, bool counts)
    {
        if (!counts)
            for (var i = 0; i < row.Ids.Length; i++)
            {
                var (start, end) = row.Offsets[i];
                Console.WriteLine($"{i,5} {row.Ids[i],8}  {$"[{start}, {end})",-14} "
                    + $"{Shown(Tokenized.Piece(tokenizer, row.Ids[i]), 32),-24} '{Shown(row.Texts[i], 60)}'");
            }
        Console.WriteLine($"{row.Ids.Length} tokens, {row.Characters} characters, {row.Bytes} bytes"
            + (counts ? $"  {Shown(row.Decoded, 60)}" : "") + (row.IsLossless ? "" : "; the decoded text is another than the given one"));
    }

    private static string Shown(string text, int most)
    {
        var shown = new StringBuilder();
        foreach (var c in text.Length > most ? text[..most] + "…" : text)
            shown.Append(c == '\n' ? "\\n" : char.IsControl(c) ? $"\\x{(int)c:x2}" : c.ToString());
        return shown.ToString();
    }
}
