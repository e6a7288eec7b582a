using System.Buffers.Binary;
using System.IO.Compression;
using System.IO.Hashing;

namespace G2RL.Onnx.Problems.Sources;

/// <summary>
/// Rows of problem files: JSON Lines, a JSON list, CSV and Parquet; the text forms compressed by gzip, too. What a file is, its bytes say
/// before its name does.
/// </summary>
internal static class SourceReader
{
    private static readonly byte[] ParquetMagic = "PAR1"u8.ToArray();
    private static readonly byte[] GzipMagic = [0x1F, 0x8B];

    /// <summary>Every row of a path's files, in order.</summary>
    /// <param name="path">A file, a folder of shards, or a glob.</param>
    /// <param name="faults">Receives what is wrong with single rows.</param>
    /// <exception cref="InputException">Nothing is there, or a file as a whole cannot be read.</exception>
    public static IEnumerable<SourceRow> Rows(string path, RowFaults faults) =>
        SourceFiles.Resolve(path).SelectMany(file => RowsOf(file, faults));

    private static IEnumerable<SourceRow> RowsOf(string file, RowFaults faults)
    {
        var head = Head(file);
        if (head.AsSpan().StartsWith(ParquetMagic))
            return ParquetRows.Read(file);
        var zipped = head.AsSpan().StartsWith(GzipMagic);
        if (!zipped && InputFile.Foreign(file) is { } other)
            throw new InputException(other);
        Func<Stream> open = zipped ? () => Unzipped(file) : () => File.OpenRead(file);
        var name = file.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? file[..^3] : file;
        return Path.GetExtension(name).ToUpperInvariant() switch
        {
            ".PARQUET" => throw new InputException($"{file} is no Parquet file: it does not begin with "
                + $"PAR1{(zipped ? ", it is compressed by gzip" : "")}. Was it fetched whole, and not as a page or an LFS pointer?"),
            ".CSV" => CsvRows.Read(file, open, ",", faults),
            ".TSV" => CsvRows.Read(file, open, "\t", faults),
            ".JSON" => JsonRows.ReadDocument(file, open, faults),
            _ => JsonRows.ReadLines(file, open, faults),
        };
    }

    private static byte[] Head(string file)
    {
        try
        {
            using var stream = File.OpenRead(file);
            var head = new byte[4];
            return head[..stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{file} cannot be read: {e.Message}", e);
        }
    }

    // .NET takes a file that was cut off for a whole one; its last eight bytes, the checksum and the length of what was packed last, tell.
    private static MemoryStream Unzipped(string file)
    {
        var packed = InputFile.Bytes(file, int.MaxValue - 64);
        var plain = new MemoryStream();
        try
        {
            using var zip = new GZipStream(new MemoryStream(packed), CompressionMode.Decompress);
            zip.CopyTo(plain);
        }
        catch (InvalidDataException e)
        {
            throw new InputException($"{file} is no whole gzip file: {e.Message} Fetch it again.", e);
        }
        catch (Exception e) when (e is IOException or OutOfMemoryException)
        {
            throw new InputException($"{file} holds more than 2 GiB once unpacked. Unpack it, and give the file without .gz.", e);
        }
        var trailer = packed.AsSpan(Math.Max(0, packed.Length - 8));
        var last = trailer.Length < 8 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(trailer[4..]);
        if (trailer.Length < 8 || last > plain.Length
            || Crc32.HashToUInt32(plain.GetBuffer().AsSpan((int)(plain.Length - last), (int)last))
                != BinaryPrimitives.ReadUInt32LittleEndian(trailer))
            throw new InputException($"{file} is no whole gzip file: it ends before its checksum, or something follows it. "
                + "Fetch it again.");
        plain.Position = 0;
        return plain;
    }
}
