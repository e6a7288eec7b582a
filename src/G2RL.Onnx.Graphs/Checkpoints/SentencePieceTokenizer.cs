using System.Text.Json.Nodes;

namespace G2RL.Onnx.Checkpoints;

/// <summary>What a piece of a SentencePiece vocabulary is; the values are SentencePiece's and GGUF's.</summary>
internal enum PieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>A piece of a SentencePiece vocabulary: its text with U+2581 for a blank, and how good a merge that gives it is.</summary>
internal sealed record SentencePiece(string Text, float Score, PieceKind Kind);

/// <summary>
/// A SentencePiece-like BPE vocabulary as the contents of tokenizer.json. Such a vocabulary has scores and no merges: two neighbours merge
/// when together they are a piece, the best score first, so every way to cut a piece into two others becomes a merge, ranked by the piece's
/// score.
/// </summary>
/// <remarks>
/// Source: the description of SentencePiece's BPE model; pieces of equal score are ordered as transformers' converter of slow tokenizers
/// does.
/// </remarks>
internal static class SentencePieceTokenizer
{
    private const string Blank = "▁";

    // Real pieces have up to 16 characters, runs of blanks up to 31. Cutting a piece takes time in the square of its length.
    private const int LongestPiece = 512;

    /// <summary>tokenizer.json.</summary>
    /// <param name="pieces">The vocabulary, in the order of the ids.</param>
    /// <param name="blankFirst">Whether a text is given a blank to begin with.</param>
    /// <param name="before">Id of the special token that begins a text when asked for; null: none.</param>
    /// <param name="behind">Id of the special token that ends it; null: none.</param>
    /// <param name="fault">Makes the exception for a vocabulary that cannot be used.</param>
    public static JsonObject Write(
        IReadOnlyList<SentencePiece> pieces,
        bool blankFirst,
        int? before,
        int? behind,
        Func<string, InputException> fault)
    {
        var (vocabulary, added) = (new Dictionary<string, int>(StringComparer.Ordinal), new JsonArray());
        foreach (var (id, piece) in pieces.Index())
        {
            if (piece.Kind == PieceKind.Unused)
                continue;
            if (piece.Text.Length is 0 or > LongestPiece || !float.IsFinite(piece.Score) || !Enum.IsDefined(piece.Kind))
                throw fault($"token {id} of the vocabulary has {piece.Text.Length} characters, the score {piece.Score} and the type "
                    + $"{(int)piece.Kind}; 1 to {LongestPiece} characters, a finite score and a type from 1 to 6 are possible");
            if (!vocabulary.TryAdd(piece.Text, id))
                throw fault($"the vocabulary holds '{piece.Text}' twice, at {vocabulary[piece.Text]} and {id}");
            if (piece.Kind is PieceKind.Unknown or PieceKind.Control or PieceKind.UserDefined)
                added.Add((JsonNode)new JsonObject
                {
                    ["id"] = id,
                    ["content"] = piece.Text,
                    ["single_word"] = false,
                    ["lstrip"] = false,
                    ["rstrip"] = false,
                    ["normalized"] = false,
                    ["special"] = piece.Kind != PieceKind.UserDefined,
                });
        }
        var unknown = pieces.FirstOrDefault(piece => piece.Kind == PieceKind.Unknown)?.Text;
        JsonNode? prepend = blankFirst ? new JsonObject { ["type"] = "Prepend", ["prepend"] = Blank } : null;
        JsonNode?[] decoders =
        [
            Replace(Blank, " "),
            new JsonObject { ["type"] = "ByteFallback" },
            new JsonObject { ["type"] = "Fuse" },
            blankFirst ? new JsonObject { ["type"] = "Strip", ["content"] = " ", ["start"] = 1, ["stop"] = 0 } : null,
        ];
        return new JsonObject
        {
            ["version"] = "1.0",
            ["truncation"] = null,
            ["padding"] = null,
            ["added_tokens"] = added,
            ["normalizer"] = new JsonObject
            {
                ["type"] = "Sequence",
                ["normalizers"] = new JsonArray([.. new[] { prepend, Replace(" ", Blank) }.OfType<JsonNode>()]),
            },
            ["pre_tokenizer"] = null,
            ["post_processor"] = Template(pieces, before, behind),
            ["decoder"] = new JsonObject { ["type"] = "Sequence", ["decoders"] = new JsonArray([.. decoders.OfType<JsonNode>()]) },
            ["model"] = new JsonObject
            {
                ["type"] = "BPE",
                ["dropout"] = null,
                ["unk_token"] = unknown,
                ["continuing_subword_prefix"] = null,
                ["end_of_word_suffix"] = null,
                ["fuse_unk"] = true,
                ["byte_fallback"] = pieces.Any(piece => piece.Kind == PieceKind.Byte),
                ["ignore_merges"] = false,
                ["vocab"] = new JsonObject(vocabulary.Select(entry => KeyValuePair.Create(entry.Key, (JsonNode?)entry.Value))),
                ["merges"] =
                    new JsonArray([.. Merges(pieces, vocabulary).Select(merge => (JsonNode)new JsonArray(merge.Left, merge.Right))]),
            },
        };
    }

    private static IEnumerable<(string Left, string Right)> Merges(IReadOnlyList<SentencePiece> pieces, Dictionary<string, int> vocabulary)
    {
        var known = vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        var merges = new List<(int Left, int Right, float Score)>();
        // Only pieces that merging may make, and only from such.
        foreach (var piece in pieces.Where(IsMade))
        {
            var ways = new List<(int Left, int Right, float Score)>();
            for (var cut = 1; cut < piece.Text.Length; cut++)
                if (known.TryGetValue(piece.Text.AsSpan(0, cut), out var left)
                    && known.TryGetValue(piece.Text.AsSpan(cut), out var right)
                    && IsMade(pieces[left])
                    && IsMade(pieces[right]))
                    ways.Add((left, right, piece.Score));
            merges.AddRange(ways.OrderBy(way => way.Left).ThenBy(way => way.Right));
        }
        return merges.OrderByDescending(merge => merge.Score)
            .ThenByDescending(merge => Runes(merge.Left))
            .ThenByDescending(merge => Runes(merge.Right))
            .Select(merge => (pieces[merge.Left].Text, pieces[merge.Right].Text));

        static bool IsMade(SentencePiece piece) => piece.Kind == PieceKind.Normal;
        int Runes(int id) => pieces[id].Text.EnumerateRunes().Count();
    }

    private static JsonObject Replace(
        string from,
        string to) => new() { ["type"] = "Replace", ["pattern"] = new JsonObject { ["String"] = from }, ["content"] = to };

    // What is put around a text; prompts begin so.
    private static JsonObject? Template(IReadOnlyList<SentencePiece> pieces, int? before, int? behind)
    {
        if (before is null && behind is null)
            return null;
        JsonNode Special(int id, int part) =>
            new JsonObject { ["SpecialToken"] = new JsonObject { ["id"] = pieces[id].Text, ["type_id"] = part } };
        IEnumerable<JsonNode> Part(string name, int part)
        {
            if (before is { } first)
                yield return Special(first, part);
            yield return new JsonObject { ["Sequence"] = new JsonObject { ["id"] = name, ["type_id"] = part } };
            if (behind is { } last)
                yield return Special(last, part);
        }

        var tokens = new JsonObject();
        foreach (var id in new[] { before, behind }.OfType<int>().Distinct())
            tokens[pieces[id].Text] =
                new JsonObject { ["id"] = pieces[id].Text, ["ids"] = new JsonArray(id), ["tokens"] = new JsonArray(pieces[id].Text) };
        return new JsonObject
        {
            ["type"] = "TemplateProcessing",
            ["single"] = new JsonArray([.. Part("A", 0)]),
            ["pair"] = new JsonArray([.. Part("A", 0), .. Part("B", 1)]),
            ["special_tokens"] = tokens,
        };
    }
}
