using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;
using Spectre.Console;

namespace G2RL.Onnx.Benchmarks;

/// <summary>Rows as a table for a terminal, as the table of docs/performance.md, or as JSON Lines.</summary>
internal static class Output
{
    private static readonly string[] Always = ["group", "measured", "value", "unit", "\u00b1", "limit", "set by", "share"];
    private static readonly string[] OfPhases = ["ms", "GFLOP", "MB"];

    /// <summary>A table on the terminal.</summary>
    public static void Table(IReadOnlyList<Row> rows, string where)
    {
        var table = new Table().Border(TableBorder.Simple);
        var columns = Columns(rows);
        for (var i = 0; i < columns.Length; i++)
            table.AddColumn(IsNumber(i) ? new TableColumn(columns[i]).RightAligned().NoWrap() : new TableColumn(columns[i]).NoWrap());
        foreach (var row in rows)
            table.AddRow([.. Cells(row, columns.Length).Select(c => new Text(c))]);
        // A pipe has no width; the table has.
        AnsiConsole.Profile.Width = Math.Max(AnsiConsole.Profile.Width, 160);
        AnsiConsole.Write(table);
        Console.WriteLine(where);
    }

    /// <summary>The table of docs/performance.md.</summary>
    public static void Markdown(IReadOnlyList<Row> rows, string where)
    {
        if (where.Length > 0)
            Console.WriteLine($"{where}\n");
        var columns = Columns(rows);
        Console.WriteLine($"| {string.Join(" | ", columns)} |");
        Console.WriteLine($"|{string.Concat(columns.Select((_, i) => IsNumber(i) ? "--:|" : "---|"))}");
        foreach (var row in rows)
            Console.WriteLine($"| {string.Join(" | ", Cells(row, columns.Length))} |");
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
        ["at"] = row.At,
        ["phase"] = row.Work?.Phase,
        ["seconds"] = row.Work?.Seconds,
        ["flops"] = row.Work?.Flops,
        ["bytes"] = row.Work?.Bytes,
        ["updated_bytes"] = row.Work?.Updated,
    }.ToJsonString());

    /// <summary>Rows of an earlier run, as <see cref="Json"/> wrote them.</summary>
    /// <exception cref="InputException">The file cannot be read, or a line is not such a row.</exception>
    public static IEnumerable<Row> Read(string path)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message} Give a file that --json wrote.", e);
        }
        for (var i = 0; i < lines.Length; i++)
            yield return Parsed(lines[i]) ?? throw new InputException($"{path}, line {i + 1} is not a row of --json: {lines[i]}");
    }

    private static Row? Parsed(string line)
    {
        try
        {
            var row = JsonNode.Parse(line)!;
            return new((string)row["group"]!, (string)row["name"]!, (double)row["value"]!, (double)row["spread"]!, (string)row["unit"]!)
            {
                Limit = (double?)row["limit"],
                LimitedBy = (string?)row["limited_by"] ?? "",
                At = (double?)row["at"],
                Work = (string?)row["phase"] is { } phase
                    ? new(phase, (double)row["seconds"]!, (double)row["flops"]!, (double)row["bytes"]!, (double)row["updated_bytes"]!)
                    : null,
            };
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentNullException or NullReferenceException)
        {
            return null;
        }
    }

    /// <summary>The machine, the software, and how busy the machine was before the run.</summary>
    public static string Where(Machine machine)
    {
        var about = RunEnvironment.Describe();
        return $"{about["processor"]}, {machine.Threads} of {about["cores"]} cores, {about["os"]}, {about["runtime"]}, ONNX Runtime "
            + $"{about["onnxruntime"]} on the CPU, float32{Load}";
    }

    private static string[] Columns(IReadOnlyList<Row> rows) => rows.Any(r => r.Work is not null) ? [.. Always, .. OfPhases] : Always;

    private static bool IsNumber(int column) => column is 2 or 4 or 5 or >= 7;

    private static IEnumerable<string> Cells(Row row, int columns) => new[]
    {
        row.Group,
        row.At is { } at ? $"{row.Name}, {at.ToString("#,0", CultureInfo.InvariantCulture)}" : row.Name,
        Number(row.Value),
        row.Unit,
        row.Spread > 0 ? Percent(row.Spread) : "",
        row.Limit is { } limit ? Number(limit) : "",
        row.LimitedBy,
        row.Share is { } share ? Percent(share) : "",
        row.Work is { } timed ? Number(1000 * timed.Seconds) : "",
        row.Work is { Flops: > 0 } counted ? Number(counted.Flops / 1e9) : "",
        row.Work is { } work ? Number((work.Bytes + work.Updated) / 1e6) : "",
    }.Take(columns);

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
