namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>Part of a template that has a value.</summary>
internal abstract class Expression
{
    /// <summary>The value.</summary>
    /// <exception cref="InputException">A mistake in the template, or a bound reached.</exception>
    public object? Value(JinjaRun run, Scope scope)
    {
        run.Enter();
        var value = Compute(run, scope);
        run.Leave();
        return value;
    }

    /// <summary>Computes the value.</summary>
    protected abstract object? Compute(JinjaRun run, Scope scope);
}

internal sealed class Constant(object? value) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) => value;
}

internal sealed class Name(string name) : Expression
{
    public string Text => name;

    protected override object? Compute(JinjaRun run, Scope scope) => scope[name];
}

internal sealed class ListOf(List<Expression> items) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) => items.ConvertAll(i => i.Value(run, scope));
}

internal sealed class TupleOf(List<Expression> items) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) => new JinjaTuple(items.ConvertAll(i => i.Value(run, scope)));
}

internal sealed class MappingOf(List<(Expression Key, Expression Value)> entries) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope)
    {
        var mapping = new JinjaMapping();
        foreach (var (key, value) in entries)
            mapping.Set(key.Value(run, scope), value.Value(run, scope));
        return mapping;
    }
}

internal sealed class Conditional(Expression condition, Expression then, Expression? otherwise) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) =>
        JinjaValue.True(condition.Value(run, scope))
            ? then.Value(run, scope)
            : otherwise is null ? new Undefined("")
            : otherwise.Value(run, scope);
}

internal sealed class Logical(bool and, Expression left, Expression right) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope)
    {
        var value = left.Value(run, scope);
        return JinjaValue.True(value) == and ? right.Value(run, scope) : value;
    }
}

internal sealed class Not(Expression inner) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) => !JinjaValue.True(inner.Value(run, scope));
}

internal sealed class Binary(string op, Expression left, Expression right) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) =>
        JinjaOperators.Apply(run, op, left.Value(run, scope), right.Value(run, scope));
}

/// <summary><c>a &lt; b &lt; c</c>: each comparison with its neighbour.</summary>
internal sealed class Comparison(Expression first, List<(string Op, Expression Right)> rest) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope)
    {
        var left = first.Value(run, scope);
        foreach (var (op, expression) in rest)
        {
            var right = expression.Value(run, scope);
            if (!JinjaOperators.Compare(run, op, left, right))
                return false;
            left = right;
        }

        return true;
    }
}

internal sealed class Member(Expression of, Expression key, bool dotted) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) =>
        JinjaMembers.Get(run, of.Value(run, scope), key.Value(run, scope), dotted);
}

internal sealed class Slice(Expression of, Expression? start, Expression? stop, Expression? step) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) =>
        JinjaMembers.Slice(run, of.Value(run, scope), start?.Value(run, scope), stop?.Value(run, scope), step?.Value(run, scope));
}

/// <summary>Arguments by place and by name.</summary>
internal sealed record Arguments(List<Expression> Placed, List<(string Name, Expression Value)> Named)
{
    public static Arguments None { get; } = new([], []);

    public List<object?> Places(JinjaRun run, Scope scope) => Placed.ConvertAll(a => a.Value(run, scope));

    public Dictionary<string, object?> Names(JinjaRun run, Scope scope) =>
        Named.ToDictionary(a => a.Name, a => a.Value.Value(run, scope), StringComparer.Ordinal);
}

internal sealed class Call(Expression function, Arguments arguments) : Expression
{
    /// <summary>The call with one more argument, by name.</summary>
    public object? With(JinjaRun run, Scope scope, string name, object? value) =>
        Function(run, scope)(arguments.Places(run, scope), new(arguments.Names(run, scope), StringComparer.Ordinal) { [name] = value });

    protected override object? Compute(JinjaRun run, Scope scope) =>
        Function(run, scope)(arguments.Places(run, scope), arguments.Names(run, scope));

    private Callable Function(JinjaRun run, Scope scope) => function.Value(run, scope) is var value && value is Callable callable
        ? callable
        : throw new InputException($"The chat template calls {JinjaValue.Kind(value)}, which is no function.");
}

internal sealed class Filter(Expression of, string name, Arguments arguments) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) =>
        JinjaFilters.Apply(run, name, of.Value(run, scope), arguments.Places(run, scope), arguments.Names(run, scope));
}

internal sealed class Test(Expression of, string name, bool negated, List<Expression> arguments) : Expression
{
    protected override object? Compute(JinjaRun run, Scope scope) =>
        JinjaTests.Holds(run, name, of.Value(run, scope), arguments.ConvertAll(a => a.Value(run, scope))) != negated;
}
