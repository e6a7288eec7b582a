using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.Unicode;

namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Tokenizers of llama2.c: an int32, the longest piece's bytes, then for each token of the model a float32 score, an int32 length and its
/// bytes. Token 0 is the unknown one, 1 begins a text and 2 ends it; a piece like &lt;0x0A&gt; stands for a byte; blanks are written as
/// they are.
/// </summary>
/// <remarks>Source: the reading code of karpathy/llama2.c, run.c, and what its tokenizer.py writes.</remarks>
internal static class Llama2CTokenizer
{
    private const int Unknown = 0;
    private const int Beginning = 1;
    private const int End = 2;
    private const int EntryBytes = sizeof(float) + sizeof(int);

    /// <summary>The files' names and texts.</summary>
    /// <param name="path">The tokenizer's file.</param>
    /// <param name="tokens">How many tokens the model has.</param>
    /// <exception cref="InputException">The file is missing, truncated, or of another model.</exception>
    public static IReadOnlyList<(string Name, string Text)> Write(string path, int tokens)
    {
        using var file = new MappedFile(path, sizeof(int), "a llama2.c tokenizer");
        if (tokens <= End || (file.Length - sizeof(int)) / EntryBytes < tokens)
            throw Fault($"has {file.Length} bytes, which do not hold the model's {tokens} tokens");
        var pieces = new SentencePiece[tokens];
        long at = sizeof(int);
        for (var id = 0; id < tokens; id++)
        {
            if (file.Length - at < EntryBytes)
                throw Fault($"ends before token {id} of {tokens}");
            var entry = file.Bytes(at, EntryBytes);
            var (score, length) =
                (BinaryPrimitives.ReadSingleLittleEndian(entry), BinaryPrimitives.ReadInt32LittleEndian(entry[sizeof(float)..]));
            at += EntryBytes;
            if (length < 0 || length > file.Length - at)
                throw Fault($"gives token {id} {length} bytes; {file.Length - at} follow");
            var bytes = file.Bytes(at, length);
            at += length;
            if (!Utf8.IsValid(bytes))
                throw Fault($"holds bytes that are no UTF-8 as token {id}");
            pieces[id] = Piece(id, score, Encoding.UTF8.GetString(bytes));
        }
        if (at != file.Length)
            throw Fault($"goes on after the model's {tokens} tokens, at byte {at} of {file.Length}");
        var config = new JsonObject
        {
            ["tokenizer_class"] = "PreTrainedTokenizerFast",
            ["bos_token"] = pieces[Beginning].Text,
            // What begins a story also ends the one before, and is what run.c stops at.
            ["eos_token"] = pieces[Beginning].Text,
            ["unk_token"] = pieces[Unknown].Text,
            ["clean_up_tokenization_spaces"] = false,
        };
        return [("tokenizer.json", SentencePieceTokenizer.Write(pieces, blankFirst: true, Beginning, behind: null, Fault)
            .ToJsonString(GgufTokenizer.Format) + "\n"), ("tokenizer_config.json", config.ToJsonString(GgufTokenizer.Format) + "\n")];

        InputException Fault(string what) => new($"{path} {what}. It is no tokenizer of llama2.c, or another model's.");
    }

    private static SentencePiece Piece(int id, float score, string text) => id switch
    {
        Unknown => new("<unk>", score, PieceKind.Unknown),
        Beginning => new("<s>", score, PieceKind.Control),
        End => new("</s>", score, PieceKind.Control),
        _ when text is ['<', '0', 'x', _, _, '>'] && byte.TryParse(
            text.AsSpan(3, 2),
            NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture,
            out var number) => new($"<0x{number:X2}>", score, PieceKind.Byte),
        _ => new(text.Replace(' ', '▁'), score, PieceKind.Normal),
    };
}
