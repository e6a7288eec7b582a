namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Lists, tuples and sets.</summary>
internal sealed partial class Comparer
{
    private const int MostItems = 64;

    private bool? Lists(ListValue gold, ListValue answer)
    {
        // "x > 1 and x < 3" is (1, 3).
        if (gold.IsInterval && answer.IsBare && rules.RelationsForSets || gold.IsBare && answer.IsInterval)
            if (JoinConditions(gold) is not null || JoinConditions(answer) is not null)
                return Sets(gold, answer);
        if (gold.IsBare || gold.IsSet)
        {
            if (answer.IsBare || answer.IsSet)
            {
                if (JoinConditions(gold) is { } a && JoinConditions(answer) is { } b)
                    return Equal(a, b);
                return rules.OrderedLists && gold.IsBare && answer.IsBare ? InOrder(gold, answer) : AnyOrder(gold, answer);
            }

            // A bare list of one tuple's items.
            return rules.BareTuples && gold.IsBare && InOrder(gold, answer);
        }

        if (answer.IsBare)
            return rules.BareTuples && InOrder(gold, answer);
        if (answer.IsSet)
            return false;
        // Of two items the brackets say whether the ends belong to an interval; of more they are a habit.
        if (gold.Items.Length <= 2 && (gold.Open != answer.Open || gold.Close != answer.Close))
            return false;
        return InOrder(gold, answer);
    }

    private bool? Sets(Value gold, Value answer)
    {
        if (JoinedOr(gold) is not { } a || JoinedOr(answer) is not { } b)
            return false;
        return RealSets.Equal(a, b, (x, y) => Numbers(x, y, new(x), new(y)) is true ? true : DecimalEnds(gold, answer, x, y));
    }

    private bool? DecimalEnds(Value gold, Value answer, Scalar x, Scalar y) =>
        rules.DecimalPlaces is { } places && (HasDecimal(gold) || HasDecimal(answer))
        && Rounded(x, places) is { } a && Rounded(y, places) is { } b && a == b;

    private static bool HasDecimal(Value value) =>
        value is ListValue list && Array.Exists(list.Items, i => i is ScalarValue { IsDecimal: true });

    private RealSetValue? JoinedOr(Value value) =>
        value is ListValue { IsBare: true } list ? JoinConditions(list) : RealSets.Of(value, budget);

    // "x < -2 or x > 3" is a union; "x > 0, x < 3" could be either, so a comma joins nothing.
    private RealSetValue? JoinConditions(ListValue list)
    {
        if (!list.IsBare || list.Items.Length < 2)
            return null;
        RealSetValue? result = null;
        string? name = null;
        foreach (var item in list.Items)
        {
            if (item is not NamedValue { Value: RealSetValue set, NameScalar: not null } named || (name is not null && named.Name != name))
                return null;
            name = named.Name;
            result = result is null ? set
                : list.Separator == Marks.Or ? RealSets.Union(result, set, budget)
                : list.Separator == Marks.And ? RealSets.Intersection(result, set, budget)
                : null;
            if (result is null)
                return null;
        }

        return result;
    }

    private bool InOrder(ListValue gold, ListValue answer)
    {
        if (gold.Items.Length != answer.Items.Length)
            return false;
        for (var i = 0; i < gold.Items.Length; i++)
        {
            if (!Items(gold.Items[i], answer.Items[i], gold, answer))
                return false;
        }

        return true;
    }

    private bool AnyOrder(ListValue gold, ListValue answer)
    {
        if (!rules.IgnoreRepeats && gold.Items.Length != answer.Items.Length)
            return false;
        if (gold.Items.Length > MostItems || answer.Items.Length > MostItems)
            return InOrder(gold, answer);
        if (rules.IgnoreRepeats)
            return gold.Items.All(g => answer.Items.Any(a => Items(g, a, gold, answer)))
                && answer.Items.All(a => gold.Items.Any(g => Items(g, a, gold, answer)));
        var left = answer.Items.ToList();
        foreach (var item in gold.Items)
        {
            var at = left.FindIndex(a => Items(item, a, gold, answer));
            if (at < 0)
                return false;
            left.RemoveAt(at);
        }

        return true;
    }

    // x = 1, y = 2 is not x = 2, y = 1: a name that both lists know must be the same.
    private bool Items(Value gold, Value answer, ListValue golds, ListValue answers)
    {
        if (gold is NamedValue a && answer is NamedValue b && a.Name != b.Name && (HasName(answers, a.Name) || HasName(golds, b.Name)))
            return false;
        // x = 1, y = 2 among several such groups may have another order, as it may alone.
        if (gold is ListValue { IsBare: true } && answer is ListValue { IsBare: true })
            return Equal(gold, answer) is true;
        // A group of named values stands for a tuple.
        if (gold is ListValue { IsBare: true } x && answer is ListValue y && !y.IsSet)
            return InOrder(x, y);
        if (answer is ListValue { IsBare: true } z && gold is ListValue w && !w.IsSet)
            return InOrder(w, z);
        return Equal(gold, answer) is true;
    }

    private static bool HasName(ListValue list, string name) => Array.Exists(list.Items, i => i is NamedValue named && named.Name == name);
}
