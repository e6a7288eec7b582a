using G2RL.Onnx.Problems.Generated;

namespace G2RL.Onnx.Benchmarks;

/// <summary>How fast expressions of countdown are read and worked out, exactly, by one thread.</summary>
internal static class JudgeBenchmarks
{
    /// <summary>Answers as models write them, then texts made to be slow.</summary>
    public static IEnumerable<Row> Countdown(Machine machine)
    {
        var set = new Countdown(new CountdownSettings());
        var problems = set.Batch(step: 0, count: 1000, seed: 0);
        var answers = Timing.Of(() =>
        {
            foreach (var problem in problems)
                if (set.Judge(problem, problem.Answer, finished: true).Score < 0)
                    throw new InvalidOperationException($"{problem.Prompt}{problem.Answer} was judged wrong.");
        }, machine.Budget);
        yield return Characters("judge, solutions", problems.Sum(p => (double)p.Answer.Length), answers);

        const int most = RationalExpression.MaxLength;
        foreach (var (name, text) in new[]
        {
            ("one digit and one operator in turn", "9" + string.Concat(Enumerable.Repeat("/7+3-2*8", most / 8))[..(most - 2)]),
            ("numbers of 17 digits", string.Join('/', Enumerable.Repeat("98765432109876543", most / 18))),
            ("one number of 512 digits", new string('9', most)),
            ("255 parentheses", new string('(', (most / 2) - 1) + "1" + new string(')', (most / 2) - 1)),
            ("opened, never closed", string.Concat(Enumerable.Repeat("(1+", most / 3)) + "1"),
        })
        {
            var timing = Timing.Of(() => RationalExpression.TryParse(text)?.TryEvaluate(out _, out _), machine.Budget / 4);
            yield return Characters($"read and work out, {name}", text.Length, timing);
        }
    }

    private static Row Characters(string name, double characters, Timing timing) =>
        new("countdown", name, characters / timing.Seconds / 1e6, timing.Spread, "M characters/s");
}
