using System.Buffers;
using System.Text;

namespace G2RL.Onnx.Rewards.External;

/// <summary>Lines of a stream, none longer than a limit; no more is read than is asked for.</summary>
internal sealed class LineReader(Stream stream, int maxBytes)
{
    private readonly byte[] chunk = new byte[Math.Min(maxBytes, 16 << 10)];
    private readonly ArrayBufferWriter<byte> line = new();
    private int start;
    private int end;

    /// <summary>The next line without its end; null at the end of the stream.</summary>
    /// <exception cref="InvalidDataException">The line is longer than the limit.</exception>
    public async Task<string?> ReadAsync()
    {
        line.ResetWrittenCount();
        for (; ; )
        {
            var feed = Array.IndexOf(chunk, (byte)'\n', start, end - start);
            var stop = feed < 0 ? end : feed;
            if (line.WrittenCount + (stop - start) > maxBytes)
                throw new InvalidDataException($"the program wrote more than {maxBytes} bytes (maxAnswerBytes) without ending its line");
            line.Write(chunk.AsSpan(start, stop - start));
            start = feed < 0 ? end : feed + 1;
            if (feed >= 0)
                return Encoding.UTF8.GetString(line.WrittenSpan);
            (start, end) = (0, await stream.ReadAsync(chunk));
            if (end == 0)
                return null;
        }
    }
}

/// <summary>The last bytes of a stream, which is read to its end whatever comes.</summary>
internal sealed class Tail(int size)
{
    private readonly Lock gate = new();
    private byte[] last = [];

    public async Task ReadAsync(Stream stream)
    {
        var chunk = new byte[4096];
        try
        {
            while (await stream.ReadAsync(chunk) is var read and > 0)
                lock (gate)
                    last = [.. last.Concat(chunk[..read]).TakeLast(size)];
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The program is gone, and with it the pipe.
        }
    }

    public override string ToString()
    {
        lock (gate)
            return Encoding.UTF8.GetString(last);
    }
}
