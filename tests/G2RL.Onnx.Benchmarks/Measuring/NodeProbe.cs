using System.Globalization;
using System.Text.Json;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Kernels;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Benchmarks;

/// <summary>
/// Where the time of a decode step goes, by ONNX Runtime's own profile: <c>nodes;SHAPE;ROWS;FILLED;KERNELS[;CACHE]</c>, rows that have
/// filled so many positions, standard or fused operators, and the type of keys and values (float32, bfloat16, int8). Profiling itself
/// takes a few microseconds a node. Beside the mean of the steps stands the sum of every node's fastest time, which other work on the
/// machine disturbs least.
/// </summary>
internal static class NodeProbe
{
    private const int Steps = 20;

    // Of every type a number of ordinary size: 0.19 in float32 and bfloat16, 62 in 8 bits.
    private const byte Filling = 0x3e;

    public static void Answer(string request, int threads)
    {
        var parts = request.Split(';');
        var shape = Shape.Parse(parts[1]);
        int rows = int.Parse(parts[2], CultureInfo.InvariantCulture), filled = int.Parse(parts[3], CultureInfo.InvariantCulture);
        var kernels = Enum.Parse<KernelChoice>(parts[4], ignoreCase: true);
        var type = parts.Length > 5 ? Enum.Parse<CacheType>(parts[5], ignoreCase: true) : CacheType.Float32;
        var folder = Directory.CreateTempSubdirectory("g2rl-nodes-").FullName;
        using var policy = shape.Policy(filled + 1);
        using (var session = new OrtSession(
            DecodeGraphs.For(policy.Spec, kernels, type.Element()),
            threads,
            (options, _) =>
            {
                // Sessions with settings of their own do not take our operators by themselves.
                if (DecodeGraphs.UsesOurs(policy.Spec, kernels, type.Element()))
                    KernelTable.AddTo(options);
                // The prefix counts where profiling is asked for.
                options.ProfileOutputPathPrefix = Path.Combine(folder, "profile");
                options.EnableProfiling = true;
            },
            spins: true))
        {
            using var cache = new KvCache(policy.Spec, rows, policy.Positions, type);
            cache.Fill(Filling);
            using var step = new DecodeStep(session, policy, cache, 0, rows, 1);
            for (var row = 0; row < rows; row++)
                (step.Ids[row], step.Places[row], step.Ends[row]) = (row, filled, filled);
            for (var i = 0; i < Steps; i++)
                step.Run();
        }
        Print(Directory.GetFiles(folder)[0]);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"keys and values of {rows} x {filled + 1} positions, {type}: "
                + $"{rows * KvCache.BytesPerRow(policy.Spec, filled + 1, type) / 1e6:0.0} MB"));
        Directory.Delete(folder, recursive: true);
    }

    private static double Milliseconds(JsonElement entry) => entry.GetProperty("dur").GetInt64() / 1e3;

    // The first half of the steps warms up.
    private static void Print(string path)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(path));
        var events = document.RootElement.EnumerateArray().Where(e => e.GetProperty("name").GetString() is { } name
            && (name.EndsWith("_kernel_time", StringComparison.Ordinal) || name == "model_run")).ToArray();
        var late = events.Where(e => e.GetProperty("name").GetString() == "model_run").ElementAt(Steps / 2).GetProperty("ts").GetInt64();
        var counted = events.Where(e => e.GetProperty("ts").GetInt64() >= late).GroupBy(e => e.GetProperty("args")
            .TryGetProperty("op_name", out var op) ? op.GetString()! : "whole run");
        foreach (var (op, all) in counted.Select(g => (g.Key, g.ToArray()))
            .OrderByDescending(g => g.Item2.Sum(e => e.GetProperty("dur").GetInt64())))
        {
            var mean = all.Sum(Milliseconds) / (Steps / 2.0);
            var fastest = all.GroupBy(e => e.GetProperty("name").GetString()).Sum(node => node.Min(Milliseconds));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"{op,-24} {mean,10:0.00} ms {fastest,10:0.00} ms at least {all.Length / (Steps / 2.0),8:0} nodes"));
        }
    }
}
