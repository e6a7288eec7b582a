using System.Diagnostics;
using System.Globalization;

namespace G2RL.Onnx.TestSupport;

/// <summary>
/// Feeds a reader with many seeded changes of good files and watches what they cost. Whatever comes of them must be accepted or an
/// <see cref="InputException"/>, soon, and without more memory than a small multiple of the file's size.
/// </summary>
/// <param name="Refused">Inputs that gave an <see cref="InputException"/>.</param>
/// <param name="Accepted">Inputs that were read.</param>
/// <param name="Seconds">All of them together, the changing included.</param>
/// <param name="Slowest">The slowest one, seconds.</param>
/// <param name="MostBytes">The most managed memory that one allocated.</param>
/// <param name="MostMultiple">The most of it per byte of the file, files below 4 KiB counting as 4 KiB.</param>
internal sealed record Fuzzing(int Refused, int Accepted, double Seconds, double Slowest, long MostBytes, double MostMultiple)
{
    private const int CountsAs = 4096;
    private static readonly TimeSpan LongestReading = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How many inputs a reader gets: 2,000, or what the environment variable G2RL_FUZZ_INPUTS says (100,000 in a long run).
    /// </summary>
    public static int Inputs { get; } = int.TryParse(
        Environment.GetEnvironmentVariable("G2RL_FUZZ_INPUTS"),
        NumberStyles.None,
        CultureInfo.InvariantCulture,
        out var inputs) ? inputs : 2_000;

    /// <summary>Runs the loop and prints its numbers.</summary>
    /// <param name="reader">Named in messages.</param>
    /// <param name="input">Makes an input from the seeded generator.</param>
    /// <param name="read">Reads it.</param>
    /// <param name="allowedBytes">What any input may cost in memory.</param>
    /// <param name="allowedMultiple">What it may cost besides, per byte of the file.</param>
    public static Fuzzing Run(
        string reader,
        Func<Random, byte[]> input,
        Action<byte[], int> read,
        long allowedBytes,
        double allowedMultiple)
    {
        var random = new Random(20261124);
        int refused = 0, accepted = 0;
        long mostBytes = 0, start = Stopwatch.GetTimestamp();
        double slowest = 0, multiple = 0;
        for (var round = 0; round < Inputs; round++)
        {
            var bytes = input(random);
            var (before, began) = (GC.GetAllocatedBytesForCurrentThread(), Stopwatch.GetTimestamp());
            try
            {
                read(bytes, round);
                accepted++;
            }
            catch (InputException)
            {
                refused++;
            }
            catch (Exception e) when (e is not AssertFailedException)
            {
                throw Failure(reader, round, bytes, e.ToString());
            }
            var (allocated, took) = (GC.GetAllocatedBytesForCurrentThread() - before, Stopwatch.GetElapsedTime(began));
            if (allocated > allowedBytes + (allowedMultiple * bytes.Length))
                throw Failure(reader, round, bytes, $"{allocated} bytes were allocated");
            if (took > LongestReading)
                throw Failure(reader, round, bytes, $"it took {took}");
            (mostBytes, slowest) = (Math.Max(mostBytes, allocated), Math.Max(slowest, took.TotalSeconds));
            multiple = Math.Max(multiple, (double)allocated / Math.Max(bytes.Length, CountsAs));
        }
        var result = new Fuzzing(refused, accepted, Stopwatch.GetElapsedTime(start).TotalSeconds, slowest, mostBytes, multiple);
        Console.WriteLine($"fuzz {reader}: {Inputs:N0} inputs in {result.Seconds:0} s, {refused:N0} refused, "
            + $"{accepted:N0} read; slowest {1000 * slowest:0} ms; at most {mostBytes / 1024:N0} KiB allocated, {multiple:0.0} bytes a "
            + "byte of the file");
        return result;
    }

    private static AssertFailedException Failure(string reader, int round, byte[] bytes, string what)
    {
        var path = Path.Combine(Path.GetTempPath(), $"fuzz-{reader}-{round}.bin");
        File.WriteAllBytes(path, bytes);
        return new($"{reader}, input {round} of {bytes.Length} bytes ({path}): {what}");
    }
}
