using System.Diagnostics;
using System.Text.Json;
using G2RL.Onnx.Problems.AnswerChecking;
using G2RL.Onnx.TestSupport;

namespace G2RL.Onnx.Benchmarks;

/// <summary>The answer checker on one thread: checks a second, and what a million mutated completions cost.</summary>
internal static class AnswerBenchmarks
{
    private const int Mutations = 1_000_000;
    private const double LongestMilliseconds = 50;

    /// <summary>Checks of MATH500's references, or of the built-in answers without ../shared, against answers right and wrong.</summary>
    public static IEnumerable<Row> Checks(Machine machine)
    {
        var golds = Golds();
        foreach (var (name, shift) in new[] { ("right, as spelled", 0), ("wrong, another's answer", 1), ("right, spelled otherwise", -1) })
        {
            var completions =
                golds.Select((gold, i) => Completion(shift < 0 ? Respelled(gold) : golds[(i + shift) % golds.Length])).ToArray();
            var policy = AnswerPolicy.All["math"];
            var timing = Timing.Of(() =>
            {
                for (var i = 0; i < golds.Length; i++)
                    policy.Check(completions[i], golds[i]);
            }, machine.Budget);
            yield return new("answers", $"check, {name}", golds.Length / timing.Seconds / 1e3, timing.Spread, "k checks/s");
        }
    }

    /// <summary>
    /// A million mutated completions, whatever the time given: nothing thrown, the slowest of them, managed memory before and after.
    /// </summary>
    public static IEnumerable<Row> Fuzz(Machine machine)
    {
        var golds = Golds();
        var policies = AnswerPolicy.All.Values.OrderBy(p => p.Name, StringComparer.Ordinal).ToArray();
        var random = new Random(20261127);
        foreach (var policy in policies)
            policy.Check(Completion("5"), "5");
        var (verdicts, slowest, over, memory) = (new int[4], 0.0, 0, GC.GetTotalMemory(forceFullCollection: true));
        var started = Stopwatch.GetTimestamp();
        for (var i = 0; i < Mutations; i++)
        {
            var (policy, gold) = (policies[random.Next(policies.Length)], golds[random.Next(golds.Length)]);
            var completion = MutatedAnswers.Mutate(random.Next(2) == 0 ? Completion(gold) : gold, random);
            var took = Milliseconds(policy, completion, gold, out var result);
            // A check that another program held up is fast when it is repeated; one that is slow stays slow.
            for (var again = 0; again < 4 && took > LongestMilliseconds / 4; again++)
                took = Math.Min(took, Milliseconds(policy, completion, gold, out _));
            verdicts[(int)result.Verdict]++;
            slowest = Math.Max(slowest, took);
            over += took > LongestMilliseconds ? 1 : 0;
        }

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var grown = GC.GetTotalMemory(forceFullCollection: true) - memory;
        yield return new("answers", "mutated completions", Mutations / seconds / 1e3, 0, "k checks/s");
        foreach (var verdict in Enum.GetValues<Verdict>())
            yield return new("answers", $"mutated, {verdict}", verdicts[(int)verdict], 0, "checks");
        yield return new("answers", "mutated, the slowest", slowest, 0, "ms");
        yield return new("answers", "mutated, above 50 ms", over, 0, "checks");
        yield return new("answers", "mutated, memory grown by", grown / 1024.0, 0, "KiB");
    }

    private static double Milliseconds(AnswerPolicy policy, string completion, string gold, out CheckResult result)
    {
        var started = Stopwatch.GetTimestamp();
        result = policy.Check(completion, gold);
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private static string Completion(string answer) =>
        $"We add the two sides, so that $x = 3$ and the rest follows. Therefore the answer is $\\boxed{{{answer}}}$.";

    private static string Respelled(string answer) => " " + answer
        .Replace("\\frac", "\\dfrac", StringComparison.Ordinal)
        .Replace("\\left", "", StringComparison.Ordinal)
        .Replace("\\right", "", StringComparison.Ordinal) + " ";

    private static string[] Golds()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "G2RL.Onnx.sln")))
            folder = folder.Parent;
        var path = Path.Combine(folder?.FullName ?? ".", "..", "shared", "data", "math500.jsonl");
        return File.Exists(path)
            ? [.. File.ReadLines(path).Select(l => JsonDocument.Parse(l).RootElement.GetProperty("answer").GetString()!)]
            : MutatedAnswers.Seeds;
    }
}
