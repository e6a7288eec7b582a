using System.Text;

namespace G2RL.Onnx;

/// <summary>
/// Files that are something else than their name says: what a download left behind, and the formats of other programs. Asked when a file
/// cannot be read, so that
/// the message names the thing and not what is wrong with its first bytes.
/// </summary>
internal static class ForeignFile
{
    private const int Head = 1024;

    private const string Again = "Download it again";
    private const string SafeTensors = "a safetensors file";

    // By the first bytes, which no text and no safetensors file has.
    private static readonly (byte[] Magic, string Kind)[] Magics =
    [
        ([.. "PAR1"u8], "a Parquet file"),
        ([.. "GGUF"u8], "a GGUF model"),
        ([.. "PK\x03\x04"u8], "a ZIP archive, as PyTorch's .bin, .pt and .ckpt files are. Save the model as safetensors"),
        ([.. "ARROW1"u8], "an Arrow file"),
        ([.. "%PDF-"u8], "a PDF document"),
        ([.. "SQLite format 3"u8], "a SQLite database"),
        ([0x89, .. "HDF\r\n"u8], "an HDF5 file. Save the model as safetensors"),
        ([0x89, .. "PNG"u8], "a picture"),
        ([0x1F, 0x8B], "compressed with gzip. Unpack it first"),
        ([0x28, 0xB5, 0x2F, 0xFD], "compressed with Zstandard. Unpack it first"),
        ([0xFD, .. "7zXZ"u8], "compressed with xz. Unpack it first"),
        ([.. "BZh"u8], "compressed with bzip2. Unpack it first"),
        ([.. "7z"u8, 0xBC, 0xAF], "a 7-Zip archive. Unpack it first"),
    ];

    // What model hubs answer instead of a file.
    private static readonly string[] Refusals =
    [
        "Entry not found", "Repository not found", "Revision not found", "Invalid username or password", "Invalid credentials",
        "Access to model",
        "Access to dataset", "Unauthorized",
    ];

    /// <summary>A sentence with the file's path that says what it is, or null when nothing unmistakable is known.</summary>
    public static string? Fault(string path)
    {
        var head = new byte[Head];
        int count;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
            count = file.ReadAtLeast(head, Head, throwOnEndOfStream: false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            return null;
        }
        return KindOf(head.AsSpan(0, count)) is { } kind
            && !(kind == SafeTensors && path.EndsWith(".safetensors", StringComparison.Ordinal))
            ? $"{path} is {kind}."
            : null;
    }

    /// <summary>What a file is by its first bytes, with the way out; null when nothing unmistakable is known.</summary>
    public static string? KindOf(ReadOnlySpan<byte> head)
    {
        foreach (var (magic, kind) in Magics)
            if (head.StartsWith(magic))
                return kind;
        if (head.Length > 9 && head[2..8].IndexOfAnyExcept((byte)0) < 0 && head[8] == '{')
            return SafeTensors;
        // The first bytes of a pickle: its protocol, then an opcode.
        if (head.Length > 2 && head[0] == 0x80 && head[1] is >= 2 and <= 5)
            return "a Python pickle, as old PyTorch files are. Save the model as safetensors";
        var text = Encoding.UTF8.GetString(head).TrimStart('\uFEFF', ' ', '\t', '\r', '\n');
        if (text.StartsWith("version https://git-lfs.github.com/spec/", StringComparison.Ordinal))
            return $"a Git LFS pointer{Size(text)}, not the file itself. Fetch the content with `git lfs pull`, or download the file "
                + "without git";
        if (text.StartsWith("<!doctype html", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("<html", StringComparison.OrdinalIgnoreCase))
            return $"an HTML page, such as a server sends for a login or an error: '{Words(text)}'. "
                + $"{Again}, signed in where the model asks for it";
        if (text.StartsWith("<?xml", StringComparison.Ordinal))
            return $"an XML document, such as a server sends for an error: '{Words(text)}'. {Again}";
        foreach (var refusal in Refusals)
            if (text.StartsWith(refusal, StringComparison.OrdinalIgnoreCase))
                return $"what a failed download left: '{Short(text)}'. {Again}, signed in where the model asks for it";
        return null;
    }

    private static string Size(string text)
    {
        var line = text.Split('\n').FirstOrDefault(l => l.StartsWith("size ", StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(5), out var bytes) ? $" to {bytes} bytes" : "";
    }

    // A page's text without its tags.
    private static string Words(string page)
    {
        var words = new StringBuilder();
        var inside = false;
        foreach (var c in page)
        {
            if (c is '<' or '>')
                inside = c == '<';
            words.Append(inside || c == '>' ? ' ' : c);
        }
        return Short(string.Join(' ', words.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
    }

    private static string Short(string text)
    {
        var line = string.Concat(text.TrimEnd().Select(c => char.IsControl(c) ? ' ' : c));
        return line.Length <= 80 ? line : line[..77] + "...";
    }
}
