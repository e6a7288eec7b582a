using System.Collections.Frozen;
using System.Text.Json;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>A row's reference.</summary>
/// <param name="Id">The row.</param>
/// <param name="Text">As the file spells it.</param>
/// <param name="Kind">What it was read as.</param>
/// <param name="IsRead">Whether it has a value.</param>
internal sealed record ReferenceAnswer(string Id, string Text, string Kind, bool IsRead);

/// <summary>The reference answers of the benchmarks in ../shared/data, and what they are.</summary>
internal static class ReferenceAnswers
{
    /// <summary>An example of our own of each kind.</summary>
    public static readonly FrozenDictionary<string, string> Examples = new Dictionary<string, string>
    {
        ["letter"] = "C",
        ["words"] = "\\text{even}",
        ["number in words"] = "seven",
        ["degrees"] = "30^\\circ",
        ["dollars"] = "\\$2.50",
        ["number with a unit"] = "7\\text{ cm}",
        ["percentage"] = "12\\%",
        ["expression in variables"] = "2x+1",
        ["decimal"] = "0.75",
        ["whole number"] = "12",
        ["fraction"] = "\\frac{2}{3}",
        ["radical, pi, e, i or function"] = "2\\sqrt{3}",
        ["bare list"] = "1, 2",
        ["set"] = "\\{1, 2\\}",
        ["interval or pair"] = "(0, 1]",
        ["tuple"] = "(1, 2, 3)",
        ["matrix"] = "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}",
        ["set of reals"] = "(0,1) \\cup (2,3)",
        ["named value"] = "x = 3",
        ["equation"] = "x + y = 2z",
        ["inequality"] = "a^2 < b",
        ["ratio or time"] = "3:2",
        ["no value: words with numbers"] = "3 of the 5 boxes, then 2",
        ["no value: words with marks"] = "It rises; then it falls.",
        ["no value: signs"] = "-[->+",
        ["no letter"] = "?",
        ["over budget"] = "((((...",
    }.ToFrozenDictionary();

    /// <summary>The files whose kinds are listed.</summary>
    public static IEnumerable<(string Title, IReadOnlyList<ReferenceAnswer> Answers)> All()
    {
        yield return ("MATH500", Read("math500.jsonl"));
        yield return ("MATH, training set", Read("math_train.jsonl"));
        yield return ("MMLU-Pro, letters", [.. Rows("mmlu_pro_test.jsonl").Select(r => Letter(r.Id, r.Text))]);
        yield return ("MMLU-Pro, texts of the right options", Read("mmlu_pro_test.jsonl", row =>
            row.GetProperty("options")[row.GetProperty("answer_index").GetInt32()].GetString()!));
        yield return ("GSM8K, test set", Read("gsm8k_test.jsonl"));
        yield return ("AIME24", Read("aime24.jsonl"));
        yield return ("AIME25", Read("aime25.jsonl"));
        yield return ("AMC", Read("amc83.jsonl"));
    }

    /// <summary>A file's references as they are spelled; those that are missing left out.</summary>
    public static string[] Texts(string file) => [.. Rows(file).Select(r => r.Text).Where(t => t.Length > 0)];

    private static ReferenceAnswer[] Read(string file, Func<JsonElement, string>? text = null) =>
        [.. Rows(file, text).Select(r => Kind(r.Id, r.Text))];

    private static ReferenceAnswer Letter(string id, string letter) =>
        AnswerPolicy.All["choice"].Check($"The answer is ({letter}).", letter).IsRight
            ? new(id, letter, "letter", true)
            : new(id, letter, "no letter", false);

    private static ReferenceAnswer Kind(string id, string text)
    {
        if (text.Length == 0)
            return new(id, text, "no answer", false);
        var budget = new Budget(100_000);
        var value = Answer.Read(text, budget, letterUnits: true)?.Value;
        return new(id, text, budget.Exhausted ? "over budget" : value is null ? Unread(text) : Kind(value), value is not null);
    }

    private static string Unread(string text) => !text.Split(' ').Any(w => w.Length > 3 && w.All(char.IsLetter)) ? "no value: signs"
        : text.Any(char.IsDigit) ? "no value: words with numbers" : "no value: words with marks";

    private static string Kind(Value value) => value switch
    {
        TextValue text => NumberWords.Read(text.Text) is null ? "words" : "number in words",
        ScalarValue { Unit: "degrees" } => "degrees",
        ScalarValue { Unit: "dollars" } => "dollars",
        ScalarValue { Unit: not null } => "number with a unit",
        ScalarValue { IsPercent: true } => "percentage",
        ScalarValue { Scalar: { IsConstant: false } } => "expression in variables",
        ScalarValue { IsDecimal: true } => "decimal",
        ScalarValue { Scalar.AsRational: { IsInteger: true } } => "whole number",
        ScalarValue { Scalar.AsRational: not null } => "fraction",
        ScalarValue => "radical, pi, e, i or function",
        ListValue { IsBare: true } => "bare list",
        ListValue { IsSet: true } => "set",
        ListValue { Items.Length: 2 } => "interval or pair",
        ListValue => "tuple",
        MatrixValue => "matrix",
        RealSetValue => "set of reals",
        NamedValue => "named value",
        EquationValue => "equation",
        InequalityValue => "inequality",
        RatioValue => "ratio or time",
        _ => value.GetType().Name,
    };

    private static IEnumerable<(string Id, string Text)> Rows(string file, Func<JsonElement, string>? text = null)
    {
        var number = 0;
        foreach (var line in File.ReadLines(SharedFolder.Require("data", file)))
        {
            number++;
            using var json = JsonDocument.Parse(line);
            var value = json.RootElement.GetProperty("answer");
            var own = text is not null ? text(json.RootElement) : value.ValueKind switch
            {
                JsonValueKind.Null => "",
                JsonValueKind.String => value.GetString()!,
                _ => value.GetRawText(),
            };
            var id = json.RootElement.TryGetProperty("id", out var named) && named.ValueKind == JsonValueKind.String
                ? named.GetString()! : $"row {number}";
            yield return (id, string.IsNullOrWhiteSpace(own) ? "" : own);
        }
    }
}
