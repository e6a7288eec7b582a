using System.Text;

namespace G2RL.Onnx.Reports;

/// <summary>A table that can stand in a page and in a text.</summary>
/// <param name="Title">What it shows.</param>
/// <param name="Note">How to read it; may be empty.</param>
/// <param name="Columns">Heads; the first column names the rows.</param>
/// <param name="Rows">Cells, as many as there are columns; **bold** as in Markdown.</param>
internal sealed record ReportTable(string Title, string Note, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>In Markdown, under a heading.</summary>
    public string Markdown(string heading)
    {
        var text = new StringBuilder();
        text.Append(heading).Append(' ').Append(Title).Append("\n\n");
        if (Note.Length > 0)
            text.Append(Note).Append("\n\n");
        Append(text, Columns);
        Append(text, [.. Columns.Select((_, i) => i == 0 ? "---" : "---:")]);
        foreach (var row in Rows)
            Append(text, row);
        return text.Append('\n').ToString();
    }

    /// <summary>In a page, under a heading of the third level.</summary>
    public void Write(HtmlWriter html)
    {
        html.Leaf("h3", Title);
        if (Note.Length > 0)
            html.Leaf("p", Note, "note");
        using var scroll = html.Scroll(Title);
        using var table = html.Open("table", "numbers");
        using (html.Open("thead"))
        using (html.Open("tr"))
            foreach (var column in Columns)
                html.Leaf("th", column);
        using var body = html.Open("tbody");
        foreach (var row in Rows)
            using (html.Open("tr"))
                for (var i = 0; i < row.Count; i++)
                    Write(html, i == 0 ? "th" : "td", row[i]);
    }

    private static void Write(HtmlWriter html, string tag, string cell)
    {
        using var element = html.Open(tag);
        if (cell.StartsWith("**", StringComparison.Ordinal))
            html.Leaf("b", cell.Trim('*'));
        else
            html.Text(cell);
    }

    private static void Append(StringBuilder text, IReadOnlyList<string> cells) =>
        text.Append("| ")
            .AppendJoin(" | ", cells.Select(c => c.Replace('\u00a0', ' ').Replace("|", "\\|", StringComparison.Ordinal)))
            .Append(" |\n");
}
