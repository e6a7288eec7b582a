using System.Text.Json;

namespace G2RL.Onnx.Tokenizers;

/// <summary>The special tokens that tokenizer.json's <c>post_processor</c> puts around a text when they are asked for.</summary>
internal sealed class SpecialTokenTemplate
{
    /// <summary>In front of the text.</summary>
    public List<int> Before { get; } = [];

    /// <summary>Behind the text.</summary>
    public List<int> Behind { get; } = [];

    /// <summary>Reads <c>post_processor</c>. Templates for pairs of texts have nothing to do here.</summary>
    /// <exception cref="InputException">What is not implemented, or malformed.</exception>
    public void Read(TokenizerJson file, JsonElement value, string name = "post_processor")
    {
        if (value.ValueKind == JsonValueKind.Null)
            return;
        switch (file.Text(file.Object(value, name), "type", name))
        {
            case "ByteLevel":
                // Only moves offsets, which nobody asks for.
                break;
            case "Sequence":
                foreach (var part in file.Parts(value, "processors", name))
                    Read(file, part, name + ".processors");
                break;
            case "TemplateProcessing":
                ReadTemplate(file, value, name);
                break;
            case "BertProcessing" or "RobertaProcessing":
                Before.Insert(0, Pair(file, value, "cls", name));
                Behind.Add(Pair(file, value, "sep", name));
                break;
            case var type:
                const string known = "Sequence, ByteLevel, TemplateProcessing, BertProcessing and RobertaProcessing are implemented";
                throw file.Unsupported(name + ".type", type ?? "missing", known);
        }
    }

    private void ReadTemplate(TokenizerJson file, JsonElement value, string name)
    {
        var (before, behind) = (new List<int>(), new List<int>());
        var texts = 0;
        foreach (var part in file.Parts(value, "single", name))
        {
            if (file.Object(part, name + ".single").TryGetProperty("Sequence", out var sequence))
            {
                if (file.Text(file.Object(sequence, name + ".single.Sequence"), "id", name + ".single.Sequence") != "A" || texts++ > 0)
                    throw file.Fault($"{name}.single holds {TokenizerJson.Short(part)}; it must hold the sequence A, once.");
            }
            else if (part.TryGetProperty("SpecialToken", out var token))
            {
                (texts == 0 ? before : behind)
                    .AddRange(Ids(file, value, file.Text(file.Object(token, name + ".single.SpecialToken"), "id", name), name));
            }
            else
            {
                throw file.Unsupported(name + ".single", TokenizerJson.Short(part), "Sequence and SpecialToken are implemented");
            }
        }

        if (texts != 1)
            throw file.Fault($"{name}.single lacks the sequence A, so the text would be dropped.");
        // A later template goes around what an earlier one made.
        Before.InsertRange(0, before);
        Behind.AddRange(behind);
    }

    /// <summary>
    /// Takes tokenizer_config.json's <c>add_bos_token</c> and <c>add_eos_token</c>, which older files have instead of a post-processor; one
    /// that adds
    /// tokens counts alone.
    /// </summary>
    public void AddLegacy(int? before, int? behind)
    {
        if (Before.Count + Behind.Count > 0)
            return;
        if (before is { } first)
            Before.Add(first);
        if (behind is { } last)
            Behind.Add(last);
    }

    // "cls": ["<s>", 0]
    private static int Pair(TokenizerJson file, JsonElement value, string key, string name)
    {
        if (!value.TryGetProperty(key, out var pair) || pair.ValueKind != JsonValueKind.Array || pair.GetArrayLength() != 2)
        {
            var type = file.Text(value, "type", name);
            throw file.Fault($"{name} ({type}) has {key} {TokenizerJson.Short(pair)}; it must be a token's text and id.");
        }
        return file.Id(pair[1], $"{name}.{key}");
    }

    private static IEnumerable<int> Ids(TokenizerJson file, JsonElement value, string? token, string name)
    {
        if (token is null
            || !value.TryGetProperty("special_tokens", out var tokens)
            || !file.Object(tokens, name + ".special_tokens").TryGetProperty(token, out var entry))
            throw file.Fault($"{name}.single names the special token '{token}', which special_tokens lacks.");
        return file.Parts(file.Object(entry, $"{name}.special_tokens['{token}']"), "ids", name)
            .Select(id => file.Id(id, $"{name}.special_tokens['{token}'].ids"));
    }
}
