using System.Text.Json;

namespace G2RL.Onnx.Tokenizers.Normalization;

/// <summary>What is done to a text before it is cut: normal form C, a text in front, texts replaced.</summary>
internal sealed class Normalizer
{
    // Far above what any real file does; keeps a hostile one from writing without end.
    private const int MostGrowth = 16, Allowance = 4096;

    private readonly List<Func<string, string>> steps = [];

    /// <summary>Reads tokenizer.json's <c>normalizer</c>.</summary>
    /// <exception cref="InputException">What is not implemented, or malformed.</exception>
    public void Read(TokenizerJson file, JsonElement value, string name = "normalizer")
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        switch (file.Text(file.Object(value, name), "type", name))
        {
            case "NFC":
                steps.Add(UnicodeNormalization.ToNfc);
                break;
            case "Prepend":
                var prefix = file.Text(value, "prepend", name) ?? throw file.Fault($"{name}.prepend is missing.");
                steps.Add(text => text.Length == 0 ? text : prefix + text);
                break;
            case "Replace":
                var (literal, content) =
                    (file.Literal(value, name), file.Text(value, "content", name) ?? throw file.Fault($"{name}.content is missing."));
                steps.Add(text => text.Replace(literal, content, StringComparison.Ordinal));
                break;
            case "Sequence":
                foreach (var part in file.Parts(value, "normalizers", name))
                    Read(file, part, name + ".normalizers");
                break;
            case var type:
                throw file.Unsupported(name + ".type", type ?? "missing", "NFC, Prepend, Replace and Sequence are implemented");
        }
    }

    /// <summary>The normalized text.</summary>
    /// <exception cref="InputException">It grows sixteenfold.</exception>
    public string Normalize(string text)
    {
        var most = (text.Length * (long)MostGrowth) + Allowance;
        foreach (var step in steps)
        {
            text = step(text);
            if (text.Length > most)
                throw new InputException($"The tokenizer's normalizer makes a text more than {MostGrowth} times as long as it was. "
                    + "Its Replace and Prepend steps cannot be meant so.");
        }

        return text;
    }
}
