using System.Text;
using System.Text.Unicode;

namespace G2RL.Onnx;

/// <summary>
/// Files that somebody else wrote. All that is read whole goes through here, so that each is bounded (a device such as /dev/zero never
/// ends), holds valid UTF-8 where it is text (with or without a byte order mark; UTF-16 with one is read, too), and is named in every
/// fault.
/// </summary>
public static class InputFile
{
    /// <summary>Longest line and longest text of a configuration, a recipe or a template, bytes.</summary>
    public const int MaxText = 64 << 20;

    private const int Chunk = 1 << 16;

    /// <summary>The bytes of a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="maxBytes">What it may have at most.</param>
    /// <param name="hint">What belongs there, a sentence behind every fault; empty for none.</param>
    /// <exception cref="InputException">It does not exist, cannot be read, is a folder, or has more bytes.</exception>
    public static byte[] Bytes(string path, int maxBytes, string hint = "") => Guarded(path, hint, () =>
    {
        using var stream = Open(path);
        // Devices, pipes and files of the kernel say that they have no bytes.
        var said = stream.CanSeek ? stream.Length : 0;
        if (said > maxBytes)
            throw new InputException($"{path} has {said} bytes; at most {maxBytes} are expected. Is it the right file?{Behind(hint)}");
        if (said > 0)
        {
            var whole = new byte[said];
            return whole[..stream.ReadAtLeast(whole, whole.Length, throwOnEndOfStream: false)];
        }
        var most = Math.Min(maxBytes, MaxText);
        using var read = new MemoryStream();
        var chunk = new byte[Chunk];
        for (int count; (count = stream.Read(chunk)) > 0;)
        {
            read.Write(chunk, 0, count);
            if (read.Length > most)
                throw new InputException($"{path} is no ordinary file and goes on beyond {most} bytes. "
                    + $"Is it the right file?{Behind(hint)}");
        }
        return read.ToArray();
    });

    /// <summary>A whole text.</summary>
    /// <inheritdoc cref="Bytes"/>
    public static string Text(string path, int maxBytes = MaxText, string hint = "")
    {
        var bytes = Bytes(path, maxBytes, hint);
        if (Utf16(bytes) is { } wide)
            return Guarded(path, hint, () => wide.GetString(bytes, 2, bytes.Length - 2));
        var utf8 = bytes.AsSpan(Mark(bytes));
        var valid = ValidLength(utf8);
        if (valid == utf8.Length)
            return Encoding.UTF8.GetString(utf8);
        var before = utf8[..valid];
        var place = valid - (before.LastIndexOf((byte)'\n') + 1);
        throw Own(path, NotUtf8(path, before.Count((byte)'\n') + 1, place, Mark(bytes) + valid, utf8[valid], hint));
    }

    /// <summary>The lines of a text, one at a time, ends of lines removed; a file of any length.</summary>
    /// <param name="path">The file.</param>
    /// <param name="hint">What belongs there, a sentence behind every fault; empty for none.</param>
    /// <exception cref="InputException">It does not exist, cannot be read, is a folder, or a line is too long or no UTF-8; the message
    /// names the line.</exception>
    public static IEnumerable<string> Lines(string path, string hint = "") =>
        Lines(path, () => Open(path), hint, (_, fault) => throw Own(path, fault)).Select(line => line!);

    /// <summary>The lines of a text that need not lie in the file as they are, such as a compressed one.</summary>
    /// <param name="path">The file that faults name.</param>
    /// <param name="open">Opens the text's bytes.</param>
    /// <param name="hint">What belongs there, a sentence behind every fault; empty for none.</param>
    /// <param name="notText">Told the number, from 1, and the fault of each line that is no UTF-8, whose place null takes.</param>
    /// <exception cref="InputException">The bytes cannot be read, or a line is too long; the message names the line.</exception>
    public static IEnumerable<string?> Lines(string path, Func<Stream> open, string hint, Action<int, InputException> notText)
    {
        using var stream = Guarded(path, hint, () => Narrow(open()));
        var (buffer, start, end, number, done) = (new byte[Chunk], 0, 0, 0, 0L);
        for (var ended = false; !ended;)
        {
            if (end == buffer.Length)
            {
                if (start == 0 && buffer.Length >= MaxText)
                    throw new InputException($"{path}:{number + 1} is a line of more than {MaxText} bytes. "
                        + $"Is it the right file?{Behind(hint)}");
                var larger = start == 0 ? new byte[buffer.Length * 2] : buffer;
                buffer.AsSpan(start, end - start).CopyTo(larger);
                (buffer, start, end) = (larger, 0, end - start);
            }
            var count = Guarded(path, hint, () => stream.Read(buffer, end, buffer.Length - end));
            ended = count == 0;
            var from = end;
            end += count;
            for (int length; (length = buffer.AsSpan(from, end - from).IndexOf((byte)'\n')) >= 0; from = start)
            {
                yield return Line(buffer.AsSpan(start, from + length - start));
                done += from + length + 1 - start;
                start = from + length + 1;
            }
            if (ended && start < end)
                yield return Line(buffer.AsSpan(start, end - start));
        }

        string? Line(ReadOnlySpan<byte> line)
        {
            var mark = number++ == 0 ? Mark(line) : 0;
            line = line[mark..];
            var valid = ValidLength(line);
            if (valid == line.Length)
                return Encoding.UTF8.GetString(line is [.., (byte)'\r'] ? line[..^1] : line);
            notText(number, NotUtf8(path, number, valid, done + mark + valid, line[valid], hint));
            return null;
        }
    }

    /// <summary>
    /// A sentence that says what a file is that is not what it should be (a Git LFS pointer, an HTML page, Parquet); null when nothing is
    /// unmistakable.
    /// </summary>
    public static string? Foreign(string path) => ForeignFile.Fault(path);

    // Sequential, and no buffer: both readers bring their own.
    private static FileStream Open(string path) => Directory.Exists(path)
        ? throw new InputException($"{path} is a folder; a file is expected.")
        : new FileStream(
            path,
            FileMode.Open,
            FileAccess.Read,
            FileShare.ReadWrite | FileShare.Delete,
            bufferSize: 0,
            FileOptions.SequentialScan);

    // What Windows calls Unicode, as UTF-8.
    private static Stream Narrow(Stream stream)
    {
        if (!stream.CanSeek)
            return stream;
        var head = new byte[2];
        var count = stream.ReadAtLeast(head, 2, throwOnEndOfStream: false);
        if (Utf16(head.AsSpan(0, count)) is { } wide)
            return Encoding.CreateTranscodingStream(stream, wide, Encoding.UTF8);
        stream.Position = 0;
        return stream;
    }

    private static UnicodeEncoding? Utf16(ReadOnlySpan<byte> bytes) => bytes switch
    {
        [0xFF, 0xFE, ..] => new UnicodeEncoding(bigEndian: false, byteOrderMark: false, throwOnInvalidBytes: true),
        [0xFE, 0xFF, ..] => new UnicodeEncoding(bigEndian: true, byteOrderMark: false, throwOnInvalidBytes: true),
        _ => null,
    };

    private static int Mark(ReadOnlySpan<byte> bytes) => bytes.StartsWith("\uFEFF"u8) ? 3 : 0;

    // Bytes before the first that is no UTF-8.
    private static int ValidLength(ReadOnlySpan<byte> bytes)
    {
        if (Utf8.IsValid(bytes))
            return bytes.Length;
        var done = 0;
        while (Rune.DecodeFromUtf8(bytes[done..], out _, out var consumed) == System.Buffers.OperationStatus.Done)
            done += consumed;
        return done;
    }

    // Where the text is the file's own bytes, these may say that it is something else.
    private static InputException Own(string path, InputException fault) => Foreign(path) is { } other ? new(other) : fault;

    private static InputException NotUtf8(string path, int line, int before, long offset, byte value, string hint) => new(
        $"{path}:{line}: byte {before + 1} of the line is 0x{value:X2}, which is not UTF-8 (offset {offset} of the file). "
            + $"Save the file as UTF-8.{Behind(hint)}");

    private static T Guarded<T>(string path, string hint, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{path} cannot be read: it does not exist.{Behind(hint)}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}{Behind(hint)}", e);
        }
    }

    private static string Behind(string hint) => hint.Length == 0 ? "" : " " + hint;
}
