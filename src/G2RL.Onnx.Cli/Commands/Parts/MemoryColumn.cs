using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;
using Spectre.Console;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A run's memory on one device, as a dry run tells it.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Available">Bytes that it has.</param>
/// <param name="Plan">The plan of a configuration.</param>
internal sealed record MemoryColumn(string Device, long Available, Func<RunConfig, IReadOnlyList<(string Purpose, long Bytes)>> Plan)
{
    private const double MiB = 1 << 20;

    /// <summary>Whether it trains; else no micro-batch is asked for.</summary>
    public bool Trains { get; init; } = true;

    /// <summary>The longest rollout of which one row trains, tokens; null where it is not asked.</summary>
    public Func<RunConfig, int>? Longest { get; init; }

    /// <summary>Bytes by purpose.</summary>
    public JsonObject Json(RunConfig config) =>
        new(Plan(config).Select(p => KeyValuePair.Create<string, JsonNode?>(p.Purpose, p.Bytes)));

    /// <summary>The most tokens of a micro-batch that the device holds; 0 where it holds not even one row.</summary>
    public int Largest(RunConfig config) => MemoryFit.LargestMicrobatch(config, Available, Plan);

    /// <summary>Prints purposes, totals, and what fits.</summary>
    public static void Print(RunConfig config, params IReadOnlyList<MemoryColumn> columns)
    {
        var plans = columns.Select(c => c.Plan(config)).ToArray();
        var table = new Table().AddColumn("memory, MiB");
        foreach (var column in columns)
            table.AddColumn(new TableColumn(column.Device).RightAligned());
        foreach (var purpose in plans.SelectMany(p => p).Select(p => p.Purpose).Distinct())
        {
            var bytes = plans.Select(plan => plan.Where(p => p.Purpose == purpose).Sum(p => p.Bytes)).ToArray();
            if (bytes.Any(b => b > 0))
                table.AddRow([Markup.Escape(purpose), .. bytes.Select(Text)]);
        }
        table.AddRow(["total", .. plans.Select(plan => Text(plan.Sum(p => p.Bytes)))]);
        table.AddRow(["there is", .. columns.Select(c => Text(c.Available))]);
        AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Out) }).Write(table);
        foreach (var column in columns.Where(c => c.Trains))
        {
            Console.WriteLine(column.Largest(config) is > 0 and var largest
                ? $"{column.Device}: the largest micro-batch that fits has training.tokensPerMicrobatch={largest}."
                : $"{column.Device}: not even a micro-batch of one row fits. Shorten sampling.maxPromptTokens or sampling.maxNewTokens, "
                    + "take adapters (adapter.type=lora, adapter.base=bFloat16), or a smaller model.");
            if (column.Longest?.Invoke(config) is { } longest)
                Console.WriteLine(longest > 0
                    ? $"{column.Device}: the longest rollout that trains, prompt included, has {longest} tokens (a row a micro-batch)."
                    : $"{column.Device}: no rollout of {config.Sampling.MaxPromptTokens} prompt tokens and 1024 new ones trains.");
        }
    }

    private static string Text(long bytes) => $"{bytes / MiB:0.0}";
}
