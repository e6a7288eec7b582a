using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;
using Spectre.Console;

namespace G2RL.Onnx.Benchmarks;

/// <summary>Rows as a table for a terminal, as the table of docs/performance.md, or as JSON Lines.</summary>
internal static class Output
{
    private static readonly string[] Columns = ["group", "measured", "value", "unit", "\u00b1", "limit", "set by", "share"];

    /// <summary>A table on the terminal.</summary>
    public static void Table(IReadOnlyList<Row> rows, Machine machine)
    {
        var table = new Table().Border(TableBorder.Simple);
        foreach (var (column, i) in Columns.Select((c, i) => (c, i)))
            table.AddColumn(i is 2 or 4 or 5 or 7 ? new TableColumn(column).RightAligned().NoWrap() : new TableColumn(column).NoWrap());
        foreach (var row in rows)
            table.AddRow([.. Cells(row).Select(c => new Text(c))]);
        // A pipe has no width; the table has.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 132);
        AnsiConsole.Write(table);
        Console.WriteLine(Where(machine));
    }

    /// <summary>The table of docs/performance.md.</summary>
    public static void Markdown(IReadOnlyList<Row> rows, Machine machine)
    {
        Console.WriteLine($"{Where(machine)}\n");
        Console.WriteLine($"| {string.Join(" | ", Columns)} |");
        Console.WriteLine("|---|---|--:|---|--:|--:|---|--:|");
        foreach (var row in rows)
            Console.WriteLine($"| {string.Join(" | ", Cells(row))} |");
    }

    /// <summary>One line of JSON.</summary>
    public static void Json(Row row) => Console.WriteLine(new JsonObject
    {
        ["group"] = row.Group,
        ["name"] = row.Name,
        ["value"] = row.Value,
        ["spread"] = row.Spread,
        ["unit"] = row.Unit,
        ["limit"] = row.Limit,
        ["limited_by"] = row.LimitedBy.Length > 0 ? row.LimitedBy : null,
        ["share"] = row.Share,
    }.ToJsonString());

    /// <summary>The machine, the software, and how busy the machine was before the run.</summary>
    public static string Where(Machine machine)
    {
        var about = RunEnvironment.Describe();
        return $"{about["processor"]}, {machine.Threads} of {about["cores"]} cores, {about["os"]}, {about["runtime"]}, ONNX Runtime "
            + $"{about["onnxruntime"]} on the CPU, float32{Load}";
    }

    private static string[] Cells(Row row) =>
    [
        row.Group, row.Name, Number(row.Value), row.Unit, row.Spread > 0 ? Percent(row.Spread) : "",
        row.Limit is { } limit ? Number(limit) : "", row.LimitedBy, row.Share is { } share ? Percent(share) : "",
    ];

    // How busy the machine was before the run began: above a tenth of a core or so, the table says more about the other programs.
    private static string Load { get; } = File.Exists("/proc/loadavg")
        ? $"; load average {File.ReadAllText("/proc/loadavg").Split(' ')[0]} before the run"
        : "";

    private static string Percent(double share) =>
        (100 * share).ToString(Math.Abs(share) < 0.1 ? "0.0" : "0", CultureInfo.InvariantCulture) + " %";

    private static string Number(double value) => value switch
    {
        >= 100 => value.ToString("#,0", CultureInfo.InvariantCulture),
        >= 10 => value.ToString("0.0", CultureInfo.InvariantCulture),
        >= 0.1 => value.ToString("0.00", CultureInfo.InvariantCulture),
        _ => value.ToString("0.0000", CultureInfo.InvariantCulture),
    };
}
