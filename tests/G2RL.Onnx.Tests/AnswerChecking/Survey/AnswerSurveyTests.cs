using System.Globalization;
using System.Text;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>
/// docs/results/answers.md: what the checker makes of the benchmarks' reference answers and of other graders' suites. Run this test
/// with G2RL_WRITE_DOCS=1 to write the page anew.
/// </summary>
[TestClass]
public sealed class AnswerSurveyTests
{
    private static readonly string Page = SharedFolder.InRepository("docs", "results", "answers.md");

    [TestMethod]
    public void Page_ReferencesAndSuites_IsWhatTheirFilesGive()
    {
        _ = SharedFolder.Require("data", "grader");
        var made = Make();
        if (Environment.GetEnvironmentVariable("G2RL_WRITE_DOCS") == "1")
            File.WriteAllText(Page, made);
        Assert.AreEqual(
            made,
            File.ReadAllText(Page).ReplaceLineEndings("\n"),
            "docs/results/answers.md is not what the files give; run this test once with the environment variable G2RL_WRITE_DOCS=1");
    }

    private static string Make()
    {
        var page = new StringBuilder("""
            # What the answer checker makes of references and suites

            Written by `G2RL_WRITE_DOCS=1 dotnet run --project tests/G2RL.Onnx.Tests -c Release -- --filter "FullyQualifiedName~AnswerSurvey"`
            from the files in `../shared/data`, and held against them by the same test wherever they lie. The policies are those of
            [answer checking](../answer-checking.md).

            ## Suites of other graders

            | suite | policy | rows | agreed | share | rows it calls wrong | called right though wrong |
            |---|---|---:|---:|---:|---:|---:|

            """);
        foreach (var suite in AllSuites())
            page.Append(CultureInfo.InvariantCulture,
                $"| {suite.Suite} | {suite.Policy} | {suite.Rows} | {suite.Agreed} | {100.0 * suite.Agreed / suite.Rows:0.0} % | ")
                .Append(CultureInfo.InvariantCulture, $"{suite.Wrong} | {suite.FalseRights.Count} |\n");
        page.Append("\n## Reference answers by kind\n\nRead under `math`; a letter of MMLU-Pro under `choice`, and the text of its option "
            + "under `math`, for that is what a model writes\nthat answers with the option instead of its letter. A reference without a "
            + "value is compared by its spelling.\n");
        foreach (var (title, answers) in ReferenceAnswers.All())
            Kinds(page, title, answers);
        Rewriting(page);
        return page.ToString();
    }

    private static SuiteResult[] AllSuites() =>
    [
        GraderSuites.Checks("math_verify_half", "math_verify"),
        GraderSuites.Checks("lighteval_extractive", "lighteval"),
        GraderSuites.Checks("nemo_skills_math_equal", "nemo_skills"),
        GraderSuites.Checks("hendrycks_math_is_equiv", "hendrycks"),
        GraderSuites.Checks("tinker_grade_answer", "tinker"),
        GraderSuites.Extractions(),
        GraderSuites.Spellings(),
        GraderSuites.Checks("open_r1_rewards", "open_r1"),
        GraderSuites.Checks("trl_rewards", "trl"),
    ];

    private static void Kinds(StringBuilder page, string title, IReadOnlyList<ReferenceAnswer> answers)
    {
        var kinds = answers.GroupBy(a => a.Kind).OrderByDescending(k => k.Count()).ThenBy(k => k.Key, StringComparer.Ordinal).ToArray();
        var unread = answers.Count(a => !a.IsRead);
        page.Append(CultureInfo.InvariantCulture, $"\n### {title}: {answers.Count:N0} rows, {answers.Count - unread:N0} with a value\n\n")
            .Append("| kind | as in | rows |\n|---|---|---:|\n");
        foreach (var kind in kinds)
        {
            var example = kind.Key == "no answer" ? string.Join(", ", kind.Select(a => a.Id)) : $"`{ReferenceAnswers.Examples[kind.Key]}`";
            page.Append(CultureInfo.InvariantCulture, $"| {kind.Key} | {example} | {kind.Count():N0} |\n");
        }
    }

    private static void Rewriting(StringBuilder page)
    {
        var policy = AnswerPolicy.All["math"];
        string[] answers = [.. ReferenceAnswers.Texts("math500.jsonl").Distinct()];
        var (rewrites, fewest, equal) = (0, int.MaxValue, 0);
        foreach (var answer in answers)
        {
            var own = Rewrites.Of(answer).ToArray();
            (rewrites, fewest) = (rewrites + own.Length, Math.Min(fewest, own.Length));
            equal += own.Count(r => policy.Equivalent(answer, r) && policy.Check($"\\boxed{{{r}}}", answer).IsRight);
        }
        var (pairs, same) = (answers.Length * (answers.Length - 1) / 2, 0);
        for (var i = 0; i < answers.Length; i++)
            for (var j = i + 1; j < answers.Length; j++)
                same += policy.Equivalent(answers[i], answers[j]) ? 1 : 0;
        page.Append(CultureInfo.InvariantCulture, $"""

            ## MATH500 under rewrites and against each other

            {answers.Length} spellings of its 500 answers; {fewest} rewrites or more each, {rewrites:N0} in all, {equal:N0} of them equal to the
            answer (as an answer and in a box). Of {pairs:N0} pairs of spellings {same} are equal, each of them truly so: `MathAnswersTests`
            names them.

            """);
    }
}
