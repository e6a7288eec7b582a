using System.Text.Json;

namespace G2RL.Onnx.Tokenizers.Splitting;

/// <summary>One step of a pre-tokenizer: cuts a piece of text into smaller pieces; merges never cross a cut.</summary>
internal abstract class PreTokenizerStep
{
    /// <summary>Adds the pieces of a piece, in order.</summary>
    /// <exception cref="System.Text.RegularExpressions.RegexMatchTimeoutException">The file's pattern takes longer than ten seconds on one
    /// piece.</exception>
    public abstract void Cut(Piece piece, List<Piece> result);

    /// <summary>Reads tokenizer.json's <c>pre_tokenizer</c>: the steps, and whether pieces are spelled as bytes at the end.</summary>
    /// <exception cref="InputException">What is not implemented, or malformed.</exception>
    public static (List<PreTokenizerStep> Steps, bool ByteLevel) Read(TokenizerJson file, JsonElement value)
    {
        var steps = new List<PreTokenizerStep>();
        var byteLevel = false;
        Read(value, "pre_tokenizer");
        return (steps, byteLevel);

        void Read(JsonElement step, string name)
        {
            if (step.ValueKind == JsonValueKind.Null)
                return;
            if (byteLevel)
                throw file.Unsupported(name, TokenizerJson.Short(step), "ByteLevel must be the last pre-tokenizer");
            switch (file.Text(file.Object(step, name), "type", name))
            {
                case "Sequence":
                    foreach (var part in file.Parts(step, "pretokenizers", name))
                        Read(part, name + ".pretokenizers");
                    break;
                case "ByteLevel":
                    byteLevel = true;
                    steps.Add(new ByteLevelStep(file.Flag(step, "add_prefix_space", name, true), file.Flag(step, "use_regex", name, true)));
                    break;
                case "Digits":
                    steps.Add(new SplitStep(
                        new PiecePattern(@"\p{N}"),
                        file.Flag(step, "individual_digits", name) ? SplitBehavior.Isolated : SplitBehavior.Contiguous));
                    break;
                case "Split":
                    steps.Add(Split(file, step, name));
                    break;
                case "Metaspace":
                    steps.Add(Metaspace(file, step, name));
                    break;
                case var type:
                    throw file.Unsupported(
                        name + ".type",
                        type ?? "missing",
                        "Sequence, Split, ByteLevel, Digits and Metaspace are implemented");
            }
        }
    }

    private static SplitStep Split(TokenizerJson file, JsonElement step, string name)
    {
        var behavior = file.Text(step, "behavior", name);
        if (!Enum.GetNames<SplitBehavior>().Contains(behavior))
            throw file.Unsupported(
                name + ".behavior",
                behavior ?? "missing",
                $"{string.Join(", ", Enum.GetNames<SplitBehavior>())} are implemented");
        var pattern = step.TryGetProperty("pattern", out var p)
            ? file.Object(p, name + ".pattern")
            : throw file.Fault($"{name}.pattern is missing.");
        var regex = file.Text(pattern, "Regex", name + ".pattern");
        var literal = file.Text(pattern, "String", name + ".pattern");
        if (string.IsNullOrEmpty(regex) == string.IsNullOrEmpty(literal))
            throw file.Fault($"{name}.pattern is {TokenizerJson.Short(pattern)}; it must hold a Regex or a String.");
        return new SplitStep(
            literal is { Length: > 0 }
                ? new PiecePattern(literal, literal: true)
                : PiecePattern.Read(file, regex!, name + ".pattern.Regex"),
            Enum.Parse<SplitBehavior>(behavior!),
            file.Flag(step, "invert", name));
    }

    private static MetaspaceStep Metaspace(TokenizerJson file, JsonElement step, string name)
    {
        var prefix = file.Flag(step, "add_prefix_space", name, true);
        var text = file.Text(step, "prepend_scheme", name);
        var scheme = text switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            null => prefix ? PrependScheme.Always : PrependScheme.Never,
            _ => throw file.Unsupported(name + ".prepend_scheme", text, "always, first and never are implemented"),
        };
        if (!prefix && scheme != PrependScheme.Never)
            throw file.Fault($"{name}.add_prefix_space is false, but prepend_scheme is {text}; the two contradict each other.");
        return new MetaspaceStep(file.Character(step, "replacement", name, '\u2581'), scheme, file.Flag(step, "split", name, true));
    }
}
