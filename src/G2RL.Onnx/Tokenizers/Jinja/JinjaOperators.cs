namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>Python's operators.</summary>
internal static class JinjaOperators
{
    /// <summary>Arithmetic and joining.</summary>
    /// <exception cref="InputException">Values that the operator does not take.</exception>
    public static object? Apply(JinjaRun run, string op, object? left, object? right)
    {
        switch (op, left, right)
        {
            case ("+", Markup, string or Markup) or ("+", string, Markup):
                return new Markup(Joined(run, Markup.Escape(left), Markup.Escape(right)));
            case ("*", Markup, long) or ("*", long, Markup):
                return new Markup((string)Apply(run, op, Markup.Plain(left), Markup.Plain(right))!);
            case ("%", string form, _):
                return right is JinjaMapping given
                    ? JinjaFormat.Percent(run, form, null, given)
                    : JinjaFormat.Percent(run, form, right as JinjaTuple ?? new List<object?> { right }, null);
            case ("~", _, _):
                return Joined(run, JinjaValue.Text(left), JinjaValue.Text(right));
            case ("+", string a, string b):
                return Joined(run, a, b);
            case ("+", List<object?> a, List<object?> b) when a is JinjaTuple == b is JinjaTuple:
                run.Charge((a.Count + b.Count) * 16L);
                return a is JinjaTuple ? new JinjaTuple(a.Concat(b)) : a.Concat(b).ToList();
            case ("*", string a, long n):
                run.Charge(a.Length * (long)Math.Clamp(n, 0, int.MaxValue));
                return string.Concat(Enumerable.Repeat(a, (int)Math.Max(0, n)));
            case ("*", List<object?> a, long n):
                run.Charge(a.Count * 16L * (long)Math.Clamp(n, 0, int.MaxValue));
                var repeated = Enumerable.Repeat(a, (int)Math.Max(0, n)).SelectMany(l => l);
                return a is JinjaTuple ? new JinjaTuple(repeated) : repeated.ToList();
            case ("*", long, string or List<object?>):
                return Apply(run, op, right, left);
        }

        if (JinjaValue.Number(left) is not { } x || JinjaValue.Number(right) is not { } y)
            throw new InputException($"The chat template has {JinjaValue.Kind(left)} {op} {JinjaValue.Kind(right)}.");
        if (op is "/" or "//" or "%" && y == 0)
            throw new InputException("The chat template divides by zero.");
        if (left is double || right is double || op == "/" || (op == "**" && y < 0))
        {
            return op switch
            {
                "+" => x + y,
                "-" => x - y,
                "*" => x * y,
                "/" => x / y,
                "//" => Math.Floor(x / y),
                "%" => x - (y * Math.Floor(x / y)),
                _ => Math.Pow(x, y),
            };
        }

        try
        {
            var (a, b) = ((long)x, (long)y);
            if (left is long exact)
                a = exact;
            if (right is long also)
                b = also;
            checked
            {
                return op switch
                {
                    "+" => a + b,
                    "-" => a - b,
                    "*" => a * b,
                    "//" => Floor(a, b),
                    "%" => a - (b * Floor(a, b)),
                    _ => (long)System.Numerics.BigInteger.Pow(a, (int)Math.Min(b, 64)) is var power && (b <= 64 || a is 0 or 1)
                        ? power
                        : throw new OverflowException(),
                };
            }
        }
        catch (OverflowException e)
        {
            throw new InputException($"The chat template computes {left} {op} {right}, which is beyond 64 bits.", e);
        }
    }

    /// <summary>Comparisons, <c>in</c> and <c>not in</c>.</summary>
    /// <exception cref="InputException">Values that have no order.</exception>
    public static bool Compare(JinjaRun run, string op, object? left, object? right)
    {
        switch (op)
        {
            case "==": return JinjaValue.Same(run, left, right);
            case "!=": return !JinjaValue.Same(run, left, right);
            case "in": return Holds(run, right, left);
            case "not in": return !Holds(run, right, left);
        }

        (left, right) = (Markup.Plain(left), Markup.Plain(right));
        if (left is string a && right is string b)
            run.Charge(Math.Min(a.Length, b.Length) / 16);
        var order = Order(left, right);
        return op switch { "<" => order < 0, "<=" => order <= 0, ">" => order > 0, _ => order >= 0 };
    }

    /// <summary>The order of two values: numbers, or texts by character.</summary>
    /// <exception cref="InputException">Values that have no order.</exception>
    public static int Order(object? left, object? right) => (Markup.Plain(left), Markup.Plain(right)) switch
    {
        (string a, string b) => JinjaText.Compare(a, b),
        _ when JinjaValue.Number(left) is { } x && JinjaValue.Number(right) is { } y => x.CompareTo(y),
        _ => throw new InputException($"The chat template compares {JinjaValue.Kind(left)} with {JinjaValue.Kind(right)}."),
    };

    /// <summary>Whether something holds a value.</summary>
    public static bool Holds(JinjaRun run, object? container, object? value)
    {
        switch (Markup.Plain(container), Markup.Plain(value))
        {
            case (Undefined, _): return false;
            case (string text, string part):
                run.Charge(text.Length / 16);
                return text.Contains(part, StringComparison.Ordinal);
            case (List<object?> list, _):
                run.Charge(list.Count);
                return list.Exists(i => JinjaValue.Same(run, i, value));
            case (JinjaMapping mapping, _): return mapping.Find(value, out _);
            default: throw new InputException($"The chat template looks for {JinjaValue.Kind(value)} in {JinjaValue.Kind(container)}.");
        }
    }

    private static long Floor(long a, long b) => (a / b) - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);

    private static string Joined(JinjaRun run, string a, string b)
    {
        run.Charge(a.Length + (long)b.Length);
        return a + b;
    }
}
