using G2RL.Onnx.Problems;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Evaluation;

/// <summary>Completions of held-out problems, judged and counted.</summary>
internal static class EvaluationTally
{
    private const int Draws = 2_000_000;

    /// <summary>Judges and counts.</summary>
    /// <param name="problems">The judge.</param>
    /// <param name="heldOut">The problems.</param>
    /// <param name="completions">[problem][sample], the samples of a repeat side by side.</param>
    /// <param name="repeats">Repeats, >= 1; divides the samples of each problem.</param>
    /// <param name="step">Steps of training behind the weights.</param>
    /// <param name="seconds">Wall time of drawing.</param>
    /// <param name="judging">Called with (problems judged, problems in all); of many samples a problem the votes take their time.</param>
    /// <exception cref="InputException">No sample could be judged.</exception>
    public static EvaluationResult Of(
        IProblemSet problems,
        IReadOnlyList<Problem> heldOut,
        IReadOnlyList<Completion[]> completions,
        int repeats,
        int step,
        double seconds,
        Action<int, int>? judging = null)
    {
        var samples = completions.Max(c => c.Length) / repeats;
        var ks = Powers(samples);
        var (rates, solved, majority) = (new List<double>(), new List<double>(), new List<double>());
        var passAtK = Enumerable.Range(0, samples).Select(_ => new List<double>()).ToArray();
        var majorityAtK = ks.ToDictionary(k => k, _ => new List<double>());
        var byRepeat = Enumerable.Range(0, repeats).Select(_ => new List<double>()).ToArray();
        var byProblem = new double?[heldOut.Count];
        var (wellFormed, rightWellFormed, judged, failures) = (0, 0, 0, 0);
        for (var i = 0; i < heldOut.Count; i++)
        {
            judging?.Invoke(i, heldOut.Count);
            var (own, ownSolved, ownMajority) = (new List<double>(), new List<double>(), new List<double>());
            var perRepeat = completions[i].Length / repeats;
            for (var repeat = 0; repeat < repeats; repeat++)
            {
                var answers = new List<(string?, bool IsRight)>();
                foreach (var completion in completions[i].AsSpan(repeat * perRepeat, perRepeat))
                {
                    var outcome = problems.Judge(heldOut[i], completion.Text, completion.Finished);
                    if (outcome.Kind != OutcomeKind.Score)
                    {
                        failures++;
                        continue;
                    }
                    var isRight = outcome.Score > 0;
                    wellFormed += outcome.WellFormed ? 1 : 0;
                    rightWellFormed += outcome.WellFormed && isRight ? 1 : 0;
                    answers.Add((problems.AnswerOf(heldOut[i], completion.Text), isRight));
                }
                if (answers.Count == 0)
                    continue;
                judged += answers.Count;
                var right = answers.Count(a => a.IsRight);
                var votes = Votes.Of(answers, a => problems.Spelling(heldOut[i], a), (a, b) => problems.IsSameAnswer(heldOut[i], a, b));
                own.Add((double)right / answers.Count);
                byRepeat[repeat].Add(own[^1]);
                ownSolved.Add(right > 0 ? 1 : 0);
                ownMajority.Add(votes.Majority(answers.Count));
                for (var k = 1; k <= answers.Count && k <= samples; k++)
                    passAtK[k - 1].Add(PassAtK.Estimate(answers.Count, right, k));
                foreach (var k in ks.Where(k => k <= answers.Count && (k == answers.Count || answers.Count <= Votes.MostSamples)))
                    majorityAtK[k].Add(votes.Majority(k));
            }
            byProblem[i] = own.Count == 0 ? null : own.Average();
            if (own.Count == 0)
                continue;
            rates.Add(own.Average());
            solved.Add(ownSolved.Average());
            majority.Add(ownMajority.Average());
        }
        if (rates.Count == 0)
            throw new InputException(
                $"No sample of {heldOut.Count} held-out problems could be judged ({failures} failures). Look at the reward function.");
        Completion[] all = [.. completions.SelectMany(c => c)];
        double[] means = [.. byRepeat.Where(r => r.Count > 0).Select(r => r.Average())];
        return new(
            step,
            rates.Count,
            samples,
            Span(rates),
            solved.Average(),
            majority.Average(),
            (double)wellFormed / judged,
            wellFormed == 0 ? 0 : (double)rightWellFormed / wellFormed,
            all.Any(c => c.Tokens is null) ? double.NaN : all.Sum(c => (long)c.Tokens!.Value) / (double)all.Length,
            (double)all.Count(c => !c.Finished) / all.Length,
            failures,
            seconds)
        {
            ByProblem = byProblem,
            PassAtK = [.. passAtK.TakeWhile(p => p.Count > 0).Select(p => p.Average())],
            MajorityAtK = new SortedDictionary<int, double>(
                majorityAtK.Where(m => m.Value.Count > 0).ToDictionary(m => m.Key, m => m.Value.Average())),
            PassAtNInterval = Span(solved),
            MajorityInterval = Span(majority),
            Repeats = repeats,
            RepeatDeviation = means.Length > 1 ? means.StandardDeviation() : 0,
        };
    }

    private static int[] Powers(int samples) =>
        [.. Enumerable.Range(0, 31).Select(i => 1 << i).TakeWhile(k => k < samples).Append(samples)];

    // Few problems can afford many resamples; thousands need fewer.
    private static Interval Span(List<double> values) =>
        Interval.Bootstrap(values, resamples: Math.Clamp(Draws / values.Count, 1000, 10_000));
}
