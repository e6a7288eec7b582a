using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cli.Sampling;

/// <summary>Where samples go: to people, or to programs.</summary>
internal interface ISampleSink
{
    /// <summary>The next prompt, or null where there is none.</summary>
    string? Ask();

    /// <summary>A continuation begins.</summary>
    void Begin(Speaker speaker, string prompt, int sample, bool several);

    /// <summary>A token of it, or text alone that was held back.</summary>
    void Token(Speaker speaker, SpokenToken token);

    /// <summary>It has ended.</summary>
    void End();
}

/// <summary>Text as it comes; with numbers a line a token.</summary>
internal sealed class SamplesOnTerminal(bool numbers) : ISampleSink
{
    public string? Ask()
    {
        if (!Console.IsInputRedirected)
            Console.Write("> ");
        return Console.ReadLine();
    }

    public void Begin(Speaker speaker, string prompt, int sample, bool several)
    {
        if (several)
            Console.WriteLine($"--- {speaker.Name}, sample {sample + 1}");
    }

    public void Token(Speaker speaker, SpokenToken token)
    {
        if (!numbers)
        {
            Console.Write(Printable(token.Text));
            return;
        }
        if (token.Drawn is not { } drawn)
            return;
        var line = new StringBuilder(string.Create(
            CultureInfo.InvariantCulture,
            $"{Quoted(speaker, drawn.Token),-16} {drawn.LogProb,9:0.0000}  entropy {drawn.Entropy,7:0.0000}"));
        foreach (var (id, logProb) in drawn.Alternatives)
            line.Append(CultureInfo.InvariantCulture, $"  {Quoted(speaker, id)} {logProb:0.000}");
        Console.WriteLine(line);
    }

    public void End() => Console.WriteLine();

    private static string Quoted(Speaker speaker, int id) =>
        $"'{Printable(speaker.PieceOf(id)).Replace("\n", "\\n", StringComparison.Ordinal)}'";

    // A model may write what steers a terminal; it is shown, not obeyed.
    private static string Printable(string text)
    {
        if (text.All(c => c is '\n' or '\t' || !char.IsControl(c)))
            return text;
        return string.Concat(text.Select(c => c is '\n' or '\t' || !char.IsControl(c) ? c.ToString() : $"\\x{(int)c:x2}"));
    }
}

/// <summary>One row a continuation.</summary>
internal sealed class JsonSamples : ISampleSink
{
    private readonly StringBuilder text = new();
    private readonly JsonArray tokens = [];
    private JsonObject row = [];

    public string? Ask() => Console.ReadLine();

    public void Begin(Speaker speaker, string prompt, int sample, bool several)
    {
        row = new JsonObject { ["model"] = speaker.Name, ["prompt"] = prompt, ["sample"] = sample };
        text.Clear();
        tokens.Clear();
    }

    public void Token(Speaker speaker, SpokenToken token)
    {
        text.Append(token.Text);
        if (token.Drawn is not { } drawn)
            return;
        var numbers = new JsonObject
        {
            ["id"] = drawn.Token,
            ["text"] = speaker.PieceOf(drawn.Token),
            ["log_prob"] = drawn.LogProb,
            ["entropy"] = drawn.Entropy,
        };
        if (drawn.Alternatives.Count > 0)
            numbers["top"] = new JsonArray([.. drawn.Alternatives.Select(a => new JsonObject
            {
                ["id"] = a.Token,
                ["text"] = speaker.PieceOf(a.Token),
                ["log_prob"] = float.IsFinite(a.LogProb) ? a.LogProb : null,
            })]);
        tokens.Add(numbers);
    }

    public void End()
    {
        row["completion"] = text.ToString();
        row["tokens"] = tokens.DeepClone();
        Console.WriteLine(row.ToJsonString());
    }
}
