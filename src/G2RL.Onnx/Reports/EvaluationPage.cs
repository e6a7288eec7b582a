using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training.Checkpointing;

namespace G2RL.Onnx.Reports;

/// <summary>The results of an evaluation as one self-contained page.</summary>
public static class EvaluationPage
{
    /// <summary>Writes the page.</summary>
    /// <param name="path">The file.</param>
    /// <param name="model">What was evaluated.</param>
    /// <param name="results">Name and result of each benchmark.</param>
    /// <exception cref="InputException">It cannot be written.</exception>
    public static void Write(string path, string model, IReadOnlyList<(string Name, EvaluationResult Result)> results)
    {
        var page = HtmlReport.Page("Evaluation: G2RL.Onnx", html =>
        {
            using (html.Open("header"))
            {
                html.Leaf("p", "G2RL.Onnx evaluation", "kind");
                html.Leaf("h1", "Evaluation");
                using (html.Open("p", "what"))
                    html.Foreign(model, 200);
            }
            using (html.Open("section"))
            {
                html.Leaf("h2", "Benchmarks");
                html.Leaf("p", "Intervals: bootstrap over problems, 95 %.", "note");
                Table(html, EvaluationTable.Head, results.Select(r => EvaluationTable.Row(r.Name, r.Result)));
            }
            using (html.Open("section"))
            {
                html.Leaf("h2", "pass@k and maj@k");
                foreach (var (name, result) in results.Where(r => r.Result.Samples > 1))
                {
                    html.Leaf("h3", name);
                    Table(html, ["k", "pass@k", "maj@k"], result.MajorityAtK.Select(m =>
                        new[] { m.Key.ToString(), m.Key <= result.PassAtK.Count
                            ? Format.Percent(result.PassAtK[m.Key - 1])
                            : "\u2013", Format.Percent(m.Value) }));
                }
            }
        });
        try
        {
            DurableFile.Write(path, page);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be written: {e.Message}", e);
        }
    }

    private static void Table(HtmlWriter html, IReadOnlyList<string> head, IEnumerable<IReadOnlyList<string>> rows)
    {
        using var scroll = html.Scroll("numbers");
        using var table = html.Open("table", "numbers");
        using (html.Open("thead"))
        using (html.Open("tr"))
            foreach (var name in head)
                html.Leaf("th", name);
        using var body = html.Open("tbody");
        foreach (var row in rows)
            using (html.Open("tr"))
                for (var i = 0; i < row.Count; i++)
                    html.Leaf(i == 0 ? "th" : "td", row[i]);
    }
}
