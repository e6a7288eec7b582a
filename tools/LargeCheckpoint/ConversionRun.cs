using System.Diagnostics;
using System.Globalization;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Artifacts;
using G2RL.Onnx.Models;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>
/// Sharded bf16 weights of a large model's shape to ONNX, beside a plain copy of the output's bytes: time, and the memory that belongs to
/// this process alone. Then, on wish, the graphs in ONNX Runtime and one token.
/// </summary>
internal static class ConversionRun
{
    private const double MostMebibytes = 1536;
    private const double MostCopies = 2;
    private const double MostDecodeMebibytes = 24 * 1024;
    private const long LargestProtobuf = int.MaxValue;

    public static int Run(string folder, DecoderSpec spec, bool decode)
    {
        var full = Directory.CreateDirectory(folder).FullName;
        string source = Path.Combine(full, "source"), converted =
            Path.Combine(full, "converted"), copy = Path.Combine(full, "copy.bin"), small = Path.Combine(full, "int4");
        // Source, output and copy lie there together.
        var (free, needed) = (new DriveInfo(full).AvailableFreeSpace, 3 * 2 * spec.ParameterCount * 11 / 10);
        if (free < needed)
        {
            Console.Error.WriteLine($"{folder} needs {needed >> 20} MiB; {free >> 20} MiB are free there. Name a folder on another disk.");
            return 2;
        }
        try
        {
            var started = Stopwatch.GetTimestamp();
            var shards = ShardedSource.Write(source, spec);
            Say($"{spec.ParameterCount:N0} parameters as bf16 in {shards} shards, written in {Seconds(started)} s");
            var good = Convert(source, converted, copy);
            File.Delete(copy);
            if (decode)
            {
                // Before the runtime has taken memory of its own.
                good &= Quantize(source, small);
                good &= Decode(converted, spec, "score", "decode");
                good &= Decode(small, spec, "decode");
            }
            return good ? 0 : 1;
        }
        finally
        {
            foreach (var left in (string[])[source, converted, small])
                if (Directory.Exists(left))
                    Directory.Delete(left, recursive: true);
            File.Delete(copy);
        }
    }

    // Twice each, in turn: the disk's speed changes from minute to minute.
    private static bool Convert(string source, string converted, string copy)
    {
        var good = true;
        for (var round = 1; round <= 2; round++)
        {
            if (Directory.Exists(converted))
                Directory.Delete(converted, recursive: true);
            File.Delete(copy);
            GC.Collect();
            using var memory = new PrivateMemory();
            var started = Stopwatch.GetTimestamp();
            ModelConversion.Convert(
                source,
                converted,
                new(),
                new(PolicyLoss.Objective(new()), new Dictionary<string, double>(StringComparer.Ordinal)));
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            var peak = memory.PeakMebibytes;
            started = Stopwatch.GetTimestamp();
            PlainCopy(Path.Combine(converted, "weights.bin"), copy);
            var plain = Stopwatch.GetElapsedTime(started).TotalSeconds;
            var graph = Directory.GetFiles(converted, "*.onnx").Max(file => new FileInfo(file).Length);
            var bytes = Directory.GetFiles(converted).Sum(file => new FileInfo(file).Length);
            Say($"round {round}: converted in {seconds:0.0} s, {bytes / 1e9:0.00} GB; "
                + $"plain copy {plain:0.0} s, ratio {seconds / plain:0.00}; private memory at most {peak:0} MiB; "
                + $"largest graph file {graph / 1e6:0.0} MB");
            good &= peak < MostMebibytes && seconds <= MostCopies * plain && graph < LargestProtobuf;
        }
        return good;
    }

    private static void PlainCopy(string from, string to)
    {
        using var source = new FileStream(from, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        using var target = new FileStream(to, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 0);
        source.CopyTo(target, 1 << 20);
        target.Flush(flushToDisk: true);
    }

    private static bool Quantize(string source, string folder)
    {
        using var memory = new PrivateMemory();
        var started = Stopwatch.GetTimestamp();
        var settings = new ConversionSettings { Graphs = ConvertedGraphs.Decode, Quantization = new() { AccuracyLevel = 4 } };
        var manifest = ModelConversion.Convert(
            source,
            folder,
            settings,
            new(PolicyLoss.Objective(new()), new Dictionary<string, double>(StringComparer.Ordinal)));
        Say($"in 4 bits: converted in {Seconds(started)} s, {manifest.WeightBytes / 1e9:0.00} GB of weights; "
            + $"private memory at most {memory.PeakMebibytes:0} MiB");
        return memory.PeakMebibytes < MostMebibytes;
    }

    // Loads each graph by itself; the last is decode, which then computes two tokens, one after the other.
    private static bool Decode(string folder, DecoderSpec spec, params ReadOnlySpan<string> graphs)
    {
        var good = true;
        foreach (var graph in graphs)
        {
            GC.Collect();
            // The highest resident memory is counted from here on.
            File.WriteAllText("/proc/self/clear_refs", "5");
            var started = Stopwatch.GetTimestamp();
            using var options = new SessionOptions { LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
            using var session = new InferenceSession(Path.Combine(folder, graph + ".onnx"), options);
            var loaded = Seconds(started);
            var tokens = graph == "decode" ? $"; {Token(session, spec)} s and {Token(session, spec)} s for a token" : "";
            var peak = HighestResident();
            Say($"{Path.GetFileName(folder)}/{graph}.onnx loaded in {loaded} s{tokens}; resident memory at most {peak:0} MiB");
            good &= peak < MostDecodeMebibytes;
        }
        return good;
    }

    private static string Token(InferenceSession session, DecoderSpec spec)
    {
        var started = Stopwatch.GetTimestamp();
        long[] cache = [1, spec.KeyValueHeads, 0, spec.HeadDimension];
        var inputs = new Dictionary<string, OrtValue>(StringComparer.Ordinal)
        {
            ["input_ids"] = Integer(42),
            ["attention_mask"] = Integer(1),
            ["position_ids"] = Integer(0),
        };
        for (var layer = 0; layer < spec.Layers; layer++)
            foreach (var kind in (string[])["key", "value"])
                inputs[$"past_key_values.{layer}.{kind}"] = OrtValue.CreateTensorValueFromMemory(Array.Empty<float>(), cache);
        using var run = new RunOptions();
        using var results = session.Run(run, inputs, session.OutputNames);
        foreach (var logit in results[0].GetTensorDataAsSpan<float>())
            if (!float.IsFinite(logit))
                throw new InvalidDataException("A logit is not finite.");
        foreach (var input in inputs.Values)
            input.Dispose();
        return Seconds(started);
    }

    private static OrtValue Integer(long value)
    {
        long[] values = [value], shape = [1, 1];
        return OrtValue.CreateTensorValueFromMemory(values, shape);
    }

    private static double HighestResident()
    {
        var line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split([' ', '\t'], StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }

    private static string Seconds(long started) =>
        Stopwatch.GetElapsedTime(started).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);

    private static void Say(string line) => Console.WriteLine(line);
}
