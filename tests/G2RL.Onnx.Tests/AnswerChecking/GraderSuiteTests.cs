using System.Text.Json;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>The suites of other graders, each under its policy. No answer that a suite calls wrong may be right.</summary>
[TestClass]
public sealed class GraderSuiteTests
{
    [TestMethod]
    public void Check_SuitesOfOtherGraders_Agrees()
    {
        SuiteAgrees("math_verify_half", "math_verify", 0.97);
        SuiteAgrees("lighteval_extractive", "lighteval", 0.97);
        SuiteAgrees("nemo_skills_math_equal", "nemo_skills", 0.97);
        SuiteAgrees("hendrycks_math_is_equiv", "hendrycks", 1);
        SuiteAgrees("tinker_grade_answer", "tinker", 1);
        SuiteAgrees("open_r1_rewards", "open_r1", 1);
        SuiteAgrees("trl_rewards", "trl", 1);
    }

    private static void SuiteAgrees(string file, string name, double atLeast)
    {
        var (count, agreed, faults) = (0, 0, new List<string>());
        foreach (var line in File.ReadLines(SharedFolder.Require("data", "grader", file + ".jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var row = json.RootElement;
            // Rewards for form are not checks of answers.
            if (Text(row, "function") is "format_reward" or "tag_count_reward" || !IsEnglish(row))
                continue;
            count++;
            var policy = Policy(AnswerPolicy.All[name], row);
            var result = policy.Check(Text(row, "pred"), Text(row, "gold"));
            var expected = Expected(row.GetProperty("expected"));
            if (expected is null ? !result.GoldReadable && !result.IsRight : result.IsRight == expected)
                agreed++;
            else
                faults.Add($"{line} gives {result}");
            Assert.IsFalse(result.IsRight && expected != true, $"a wrong answer is right: {line} gives {result}");
        }

        Assert.IsTrue(agreed >= atLeast * count, $"{agreed} of {count}:\n{string.Join('\n', faults)}");
    }

    [TestMethod]
    public void Canonical_StripStringSuite_GivesItsSpellings()
    {
        foreach (var line in File.ReadLines(SharedFolder.Require("data", "grader", "open_instruct_strip_string.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var expected = Text(json.RootElement, "expected");
            Assert.AreEqual(expected, AnswerPolicy.All["open_instruct"].Canonical(Text(json.RootElement, "input")), line);
        }
    }

    [TestMethod]
    public void Extract_TinkerSuite_FindsItsAnswers()
    {
        var boxes = AnswerPolicy.All["math"];
        var marker = AnswerPolicy.All["gsm8k"];
        foreach (var line in File.ReadLines(SharedFolder.Require("data", "grader", "tinker_extraction.jsonl")))
        {
            using var json = JsonDocument.Parse(line);
            var (input, expected) = (Text(json.RootElement, "input")!, json.RootElement.GetProperty("expected"));
            switch (Text(json.RootElement, "function"))
            {
                case "extract_boxed":
                    Assert.AreEqual(expected.GetString(), boxes.Extract(input), line);
                    break;
                case "extract_gsm8k_final_answer":
                    // There the separators of thousands are taken out, here they are read.
                    Assert.AreEqual(expected.GetString(), marker.Extract(input)?.Replace(",", ""), line);
                    Assert.IsTrue(marker.Check(input, expected.GetString()).IsRight, line);
                    break;
                case "_extract_final_int":
                    Assert.AreEqual(expected.GetRawText(), (marker with { Sources = [AnswerSource.Number] }).Extract(input), line);
                    break;
                case "normalize_answer":
                    Assert.IsTrue(AnswerPolicy.All["tinker"].Equivalent(input, expected.GetString()), line);
                    break;
                default:
                    var items = string.Join(',', expected.EnumerateArray().Select(i => i.GetString()));
                    Assert.AreEqual(items.Length > 0, AnswerPolicy.All["math_verify"].Equivalent(input, items), line);
                    break;
            }
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
