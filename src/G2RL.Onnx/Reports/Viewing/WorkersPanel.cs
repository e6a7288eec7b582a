using System.Text.Json.Nodes;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>Who of a run's workers did how much, from its distribution.jsonl; nothing where a run was not spread over workers.</summary>
internal sealed class WorkersPanel
{
    private const int MostRows = 64;

    // A worker that had no part in so many works is shown as away.
    private const int Lately = 12;

    private static readonly string[] Columns = ["worker", "pieces", "share of the work", "work", "weights fetched", "now"];

    private readonly Dictionary<string, Part> parts = new(StringComparer.Ordinal);
    private int works;
    private double step, sent, here, again, lost, asked, work;

    /// <summary>Writes it.</summary>
    /// <param name="html">The page.</param>
    /// <param name="rows">Accounts of works, in the order in which they ended.</param>
    /// <param name="of">Whose they are, where there are several runs; else null.</param>
    public static void Write(HtmlWriter html, IEnumerable<JsonObject> rows, string? of)
    {
        var panel = new WorkersPanel();
        foreach (var row in rows)
            panel.Add(row);
        if (panel.works > 0)
            panel.Write(html, of is null ? "Workers" : $"Workers of {of}");
    }

    private void Add(JsonObject row)
    {
        double Count(string name) => RunLogs.Number(row, name) ?? 0;
        works++;
        step = Math.Max(step, Count("step"));
        (sent, here, again, lost) = (sent + Count("sent"), here + Count("here"), again + Count("duplicates"), lost + Count("failures"));
        var shares = (row["shares"] as JsonArray ?? []).OfType<JsonObject>().ToArray();
        asked += Count("ms") * shares.Length;
        foreach (var share in shares)
        {
            double Of(string name) => RunLogs.Number(share, name) ?? 0;
            var name = RunLogs.Text(share, "name");
            var old = parts.GetValueOrDefault(name);
            parts[name] = new(old.Pieces + Of("pieces"), old.Work + Of("work_ms"), old.Bytes + Of("weight_bytes"), works, step);
            work += Of("work_ms");
        }
    }

    private void Write(HtmlWriter html, string title)
    {
        var idle = asked > 0 ? Math.Clamp(1 - (work / asked), 0, 1) : 0;
        html.Leaf("h2", title);
        html.Leaf("p", $"{Format.Count(sent)} pieces sent, {Format.Count(again)} of them done twice, {Format.Count(lost)} lost and done "
            + $"again; {Format.Count(here)} done by the trainer. While workers were asked, {Format.Percent(idle)} of their "
            + "time went by idle.", "note");
        using (var scroll = html.Scroll(title))
        using (var table = html.Open("table", "numbers"))
        {
            using (html.Open("thead"))
            using (html.Open("tr"))
                foreach (var column in Columns)
                    html.Leaf("th", column);
            using var body = html.Open("tbody");
            var order = parts.OrderByDescending(p => p.Value.Work).ThenBy(p => p.Key, StringComparer.Ordinal);
            foreach (var (name, part) in order.Take(MostRows))
                Write(html, name, part);
        }
        if (parts.Count > MostRows)
            html.Leaf("p", $"{Format.Count(parts.Count - MostRows)} more workers did less than these.", "note");
    }

    private void Write(HtmlWriter html, string name, Part part)
    {
        using var row = html.Open("tr");
        using (html.Open("th"))
            html.Foreign(name, 80);
        html.Leaf("td", Format.Count(part.Pieces));
        html.Leaf("td", Format.Percent(work > 0 ? part.Work / work : 0));
        html.Leaf("td", Format.Seconds(part.Work / 1000));
        html.Leaf("td", $"{Format.Number(part.Bytes / 1e6)} MB");
        html.Leaf("td", works - part.Last < Lately ? "at work" : $"away since step {Format.Count(part.Step)}");
    }

    // What a worker did, and the last work and step in which it had a part.
    private readonly record struct Part(double Pieces, double Work, double Bytes, int Last, double Step);
}
