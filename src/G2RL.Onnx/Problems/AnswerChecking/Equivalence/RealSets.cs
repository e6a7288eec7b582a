namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Sets of reals as disjoint intervals in ascending order. Ends must be real constants; others give null.</summary>
internal static class RealSets
{
    /// <summary>All of them.</summary>
    public static readonly RealSetValue All = new([new(Scalar.Infinity.Negated(), false, Scalar.Infinity, false)]);

    /// <summary>A value as a set of reals: an interval, a finite set, a solved inequality.</summary>
    public static RealSetValue? Of(Value value, Budget budget) => value switch
    {
        RealSetValue set => set,
        NamedValue named => Of(named.Value, budget),
        ListValue { IsInterval: true, Items: [ScalarValue low, ScalarValue high] } list =>
            Normal([new(low.Scalar, list.Open == '[', high.Scalar, list.Close == ']')], budget),
        ListValue { IsSet: true } list when Array.TrueForAll(list.Items, i => i is ScalarValue) =>
            Normal([.. list.Items.Cast<ScalarValue>().Select(i => new Interval(i.Scalar, true, i.Scalar, true))], budget),
        _ => null,
    };

    public static RealSetValue? Union(RealSetValue a, RealSetValue b, Budget budget) => Normal([.. a.Intervals, .. b.Intervals], budget);

    public static RealSetValue? Intersection(RealSetValue a, RealSetValue b, Budget budget)
    {
        var parts = new List<Interval>();
        foreach (var x in a.Intervals)
        {
            foreach (var y in b.Intervals)
            {
                if (!budget.Spend(4) || Place(x.Low, budget) is not { } xl || Place(y.Low, budget) is not { } yl
                    || Place(x.High, budget) is not { } xh || Place(y.High, budget) is not { } yh)
                    return null;
                var (low, lowClosed) = xl > yl ? (x.Low, x.LowClosed) : yl > xl ? (y.Low, y.LowClosed)
                    : (x.Low, x.LowClosed && y.LowClosed);
                var (high, highClosed) = xh < yh ? (x.High, x.HighClosed) : yh < xh ? (y.High, y.HighClosed)
                    : (x.High, x.HighClosed && y.HighClosed);
                parts.Add(new(low, lowClosed, high, highClosed));
            }
        }

        return Normal(parts, budget);
    }

    /// <summary>The first set without the second.</summary>
    public static RealSetValue? Without(RealSetValue set, RealSetValue taken, Budget budget)
    {
        // The complement of [a, b] is (-infinity, a) and (b, infinity).
        var result = set;
        foreach (var hole in taken.Intervals)
        {
            var rest = Normal(
                [new(Scalar.Infinity.Negated(), false, hole.Low, !hole.LowClosed),
                    new(hole.High, !hole.HighClosed, Scalar.Infinity, false)], budget);
            if (rest is null || Intersection(result, rest, budget) is not { } next)
                return null;
            result = next;
        }

        return result;
    }

    /// <summary>Solves inequalities that are linear in one variable, or in its absolute value; null when they are something else.</summary>
    public static (Scalar Name, RealSetValue Set)? Solve(InequalityValue inequality, Budget budget)
    {
        Scalar? name = null;
        RealSetValue? set = All;
        foreach (var (difference, comparison) in inequality.Conditions)
        {
            if (Linear.Of(WithoutDivisor(difference, budget), budget) is not { } line
                || (name is not null && name.Key != line.Variable.Key))
                return null;
            name = line.Variable;
            if (Numeric.Sign(line.Slope.Numerator, budget) is not { } slope || slope == 0 || !line.Slope.Denominator.IsOne)
                return null;
            // slope v + intercept < 0
            var bound = Scalar.Divide(line.Intercept.Negated(), line.Slope, budget);
            if (bound is null)
                return null;
            var condition = comparison switch
            {
                '≠' => Without(All, new([new(bound, true, bound, true)]), budget),
                '=' => new([new(bound, true, bound, true)]),
                _ when slope > 0 => new RealSetValue([new(Scalar.Infinity.Negated(), false, bound, comparison == '≤')]),
                _ => new RealSetValue([new(bound, comparison == '≤', Scalar.Infinity, false)]),
            };
            set = condition is null ? null : Intersection(set, condition, budget);
            if (set is null)
                return null;
        }

        return name is null ? null : Linear.UnfoldAbsolute(name, set, budget);
    }

    // What stands below the line changes no solution where it is a positive constant, and turns the sign where it is a negative one.
    private static Scalar WithoutDivisor(Scalar difference, Budget budget) => Numeric.Sign(difference.Denominator, budget) switch
    {
        1 => Scalar.Of(difference.Numerator)!,
        -1 => Scalar.Of(difference.Numerator)!.Negated(),
        _ => difference,
    };

    /// <summary>Whether two sets have the same ends; null when it cannot be told.</summary>
    public static bool? Equal(RealSetValue a, RealSetValue b, Func<Scalar, Scalar, bool?> equal)
    {
        if (a.Intervals.Length != b.Intervals.Length)
            return false;
        for (var i = 0; i < a.Intervals.Length; i++)
        {
            var (x, y) = (a.Intervals[i], b.Intervals[i]);
            if (x.LowClosed != y.LowClosed || x.HighClosed != y.HighClosed)
                return false;
            if (equal(x.Low, y.Low) is not true || equal(x.High, y.High) is not true)
                return false;
        }

        return true;
    }

    /// <summary>Sorted, overlapping and touching intervals joined, empty ones left out; null when an end is not a real constant.</summary>
    public static RealSetValue? Normal(IEnumerable<Interval> parts, Budget budget)
    {
        var sorted = new List<(double Low, double High, Interval Interval)>();
        foreach (var part in parts)
        {
            if (!budget.Spend(4) || Place(part.Low, budget) is not { } low || Place(part.High, budget) is not { } high)
                return null;
            // An end at infinity is always open.
            var interval = part with
            {
                LowClosed = part.LowClosed && !part.Low.IsInfinite,
                HighClosed = part.HighClosed
                && !part.High.IsInfinite
            };
            if (low < high || (low == high && interval is { LowClosed: true, HighClosed: true }))
                sorted.Add((low, high, interval));
        }

        sorted.Sort((a, b) => a.Low != b.Low ? a.Low.CompareTo(b.Low) : b.Interval.LowClosed.CompareTo(a.Interval.LowClosed));
        var joined = new List<(double Low, double High, Interval Interval)>();
        foreach (var next in sorted)
        {
            if (joined.Count == 0 || next.Low > joined[^1].High
                || (next.Low == joined[^1].High && !next.Interval.LowClosed && !joined[^1].Interval.HighClosed))
            {
                joined.Add(next);
                continue;
            }

            var last = joined[^1];
            var closed = last.High > next.High ? last.Interval.HighClosed : next.High > last.High ? next.Interval.HighClosed
                : last.Interval.HighClosed || next.Interval.HighClosed;
            joined[^1] = (last.Low, Math.Max(last.High, next.High),
                last.Interval with { High = last.High >= next.High ? last.Interval.High : next.Interval.High, HighClosed = closed });
        }

        return new([.. joined.Select(j => j.Interval)]);
    }

    /// <summary>Where an end stands, infinite or not; null where it is no real number.</summary>
    public static double? Place(Scalar end, Budget budget) => end.IsInfinite
        ? end.Numerator.Terms[0].Coefficient.Sign * double.PositiveInfinity
        : Numeric.Real(end, budget);
}
