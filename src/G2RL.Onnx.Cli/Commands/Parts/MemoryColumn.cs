using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training;
using Spectre.Console;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>A run's memory on one device, as a dry run tells it.</summary>
/// <param name="Device">Its name.</param>
/// <param name="Available">Bytes that it has.</param>
/// <param name="Plan">The plan of a configuration.</param>
internal sealed record MemoryColumn(string Device, long Available, Func<RunConfig, MemoryPlan> Plan)
{
    private const double MiB = 1 << 20;

    /// <summary>The plan that takes the least memory, by which is told what fits; null is the plan itself.</summary>
    public Func<RunConfig, MemoryPlan>? Smallest { get; init; }

    /// <summary>Whether it trains; else no micro-batch is asked for.</summary>
    public bool Trains { get; init; } = true;

    /// <summary>The longest rollout of which one row trains, tokens; null where it is not asked.</summary>
    public Func<RunConfig, int>? Longest { get; init; }

    /// <summary>Bytes by purpose, and the most at once.</summary>
    public JsonObject Json(RunConfig config)
    {
        var plan = Plan(config);
        return new(plan.Uses.Select(u => (u.Purpose, u.Bytes)).Append(("at once", plan.Total))
            .Select(p => KeyValuePair.Create<string, JsonNode?>(p.Item1, p.Item2)));
    }

    /// <summary>The most tokens of a micro-batch that the device holds; 0 where it holds not even one row.</summary>
    public int Largest(RunConfig config) => MemoryFit.LargestMicrobatch(config, Available, Smallest ?? Plan);

    /// <summary>Prints purposes, totals, and what fits.</summary>
    public static void Print(RunConfig config, params IReadOnlyList<MemoryColumn> columns)
    {
        var plans = columns.Select(c => c.Plan(config)).ToArray();
        var table = new Table().AddColumn("memory, MiB");
        foreach (var column in columns)
            table.AddColumn(new TableColumn(column.Device).RightAligned());
        foreach (var (purpose, phase) in plans.SelectMany(p => p.Uses).Select(u => (u.Purpose, u.While)).Distinct())
        {
            var bytes = plans.Select(plan => plan.Uses.Where(u => u.Purpose == purpose && u.While == phase).Sum(u => u.Bytes)).ToArray();
            if (bytes.Any(b => b > 0))
                table.AddRow([Markup.Escape(phase.Length > 0 ? $"{purpose}, given back" : purpose), .. bytes.Select(Text)]);
        }
        table.AddRow(["at once", .. plans.Select(plan => Text(plan.Total))]);
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
