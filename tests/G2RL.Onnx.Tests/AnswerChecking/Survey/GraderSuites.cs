using System.Text.Json;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>How a suite went.</summary>
/// <param name="Suite">Its file's name.</param>
/// <param name="Policy">The policy that it was asked under.</param>
/// <param name="Rows">Its rows, in English where it has several languages.</param>
/// <param name="Wrong">How many of them it calls wrong.</param>
/// <param name="Faults">Where we say something else.</param>
/// <param name="FalseRights">Of these, what it calls wrong and we right.</param>
internal sealed record SuiteResult(
    string Suite,
    string Policy,
    int Rows,
    int Wrong,
    IReadOnlyList<string> Faults,
    IReadOnlyList<string> FalseRights)
{
    public int Agreed => Rows - Faults.Count;
}

/// <summary>The suites of other graders in ../shared/data/grader, each under its policy.</summary>
internal static class GraderSuites
{
    /// <summary>A suite of answers, references and verdicts.</summary>
    public static SuiteResult Checks(string file, string name)
    {
        var (rows, wrong, faults, falseRights) = (0, 0, new List<string>(), new List<string>());
        foreach (var (line, row) in Rows(file))
        {
            // Rewards for form are not checks of answers.
            if (Text(row, "function") is "format_reward" or "tag_count_reward" || !IsEnglish(row))
                continue;
            rows++;
            var result = Policy(AnswerPolicy.All[name], row).Check(Text(row, "pred"), Text(row, "gold"));
            var expected = Expected(row.GetProperty("expected"));
            wrong += expected == true ? 0 : 1;
            if (expected is null ? result.GoldReadable || result.IsRight : result.IsRight != expected)
                faults.Add($"{line} gives {result}");
            if (result.IsRight && expected != true)
                falseRights.Add($"{line} gives {result}");
        }
        return new(file, name, rows, wrong, faults, falseRights);
    }

    /// <summary>The suite of normal spellings.</summary>
    public static SuiteResult Spellings()
    {
        var (rows, faults) = (0, new List<string>());
        foreach (var (line, row) in Rows("open_instruct_strip_string"))
        {
            rows++;
            var spelling = AnswerPolicy.All["open_instruct"].Canonical(Text(row, "input"));
            if (spelling != Text(row, "expected"))
                faults.Add($"{line} gives {spelling}");
        }
        return new("open_instruct_strip_string", "open_instruct", rows, 0, faults, []);
    }

    /// <summary>The suite of answers that are to be found in texts.</summary>
    public static SuiteResult Extractions()
    {
        var (rows, faults) = (0, new List<string>());
        foreach (var (line, row) in Rows("tinker_extraction"))
        {
            rows++;
            if (!IsFound(row))
                faults.Add(line);
        }
        return new("tinker_extraction", "tinker, gsm8k, math", rows, 0, faults, []);
    }

    private static bool IsFound(JsonElement row)
    {
        var (boxes, marker) = (AnswerPolicy.All["math"], AnswerPolicy.All["gsm8k"]);
        var (input, expected) = (Text(row, "input")!, row.GetProperty("expected"));
        switch (Text(row, "function"))
        {
            case "extract_boxed":
                return boxes.Extract(input) == expected.GetString();
            case "extract_gsm8k_final_answer":
                // There the separators of thousands are taken out, here they are read.
                return marker.Extract(input)?.Replace(",", "") == expected.GetString()
                    && marker.Check(input, expected.GetString()).IsRight;
            case "_extract_final_int":
                return (marker with { Sources = [AnswerSource.Number] }).Extract(input) == expected.GetRawText();
            case "normalize_answer":
                return AnswerPolicy.All["tinker"].Equivalent(input, expected.GetString());
            default:
                var items = string.Join(',', expected.EnumerateArray().Select(i => i.GetString()));
                return AnswerPolicy.All["math_verify"].Equivalent(input, items) == items.Length > 0;
        }
    }

    private static IEnumerable<(string Line, JsonElement Row)> Rows(string file)
    {
        foreach (var line in File.ReadLines(SharedFolder.Require("data", "grader", file + ".jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            yield return (line, json.RootElement);
        }
    }

    private static AnswerPolicy Policy(AnswerPolicy policy, JsonElement row)
    {
        if (Text(row, "function") == "reasoning_accuracy_reward")
        {
            var custom = Text(row, "pred")!.Contains("</REASONING_END>");
            return AnswerPolicy.All["trl_reasoning"] with { After = custom ? "</REASONING_END>" : "</think>" };
        }

        if (!row.TryGetProperty("opts", out var options))
            return policy;
        var rules = policy.Rules;
        if (options.TryGetProperty("precision", out var places))
            rules = rules with { DecimalPlaces = places.GetInt32() };
        if (options.TryGetProperty("allow_set_relation_comp", out var allowed))
            rules = rules with { RelationsForSets = allowed.GetBoolean() };
        if (options.TryGetProperty("strict", out var strict))
            rules = rules with { StrictNames = strict.GetBoolean() };
        var types = options.TryGetProperty("match_types", out var match)
            ? string.Join('+', match.EnumerateArray().Select(m => m.GetString()))
            : "";
        var named = types switch
        {
            "latex" => AnswerPolicy.All["math_verify_latex"],
            "expr" => AnswerPolicy.All["math_verify_expr"],
            "NativeLetters" => AnswerPolicy.All["choice"],
            _ => policy,
        };
        return named with { Rules = rules };
    }

    private static bool IsEnglish(JsonElement row) => !row.TryGetProperty("opts", out var options)
        || !options.TryGetProperty("language", out var language) || language.GetString() == "Language.ENGLISH";

    private static bool? Expected(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Number => value.GetDouble() == 1,
        _ => value.GetBoolean(),
    };

    private static string? Text(JsonElement row, string name) =>
        !row.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null
        ? null
        : value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
}
