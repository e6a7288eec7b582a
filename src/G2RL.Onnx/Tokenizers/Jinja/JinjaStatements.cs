using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>How a statement ended.</summary>
internal enum Flow
{
    /// <summary>Go on.</summary>
    Next,

    /// <summary>End the loop.</summary>
    Break,

    /// <summary>Go on with the loop's next entry.</summary>
    Continue,
}

/// <summary>Part of a template that writes, assigns or chooses.</summary>
internal abstract class Statement
{
    /// <summary>Runs it.</summary>
    public Flow Run(JinjaRun run, Scope scope)
    {
        run.Enter();
        var flow = Do(run, scope);
        run.Leave();
        return flow;
    }

    /// <summary>Runs statements in order.</summary>
    public static Flow RunAll(List<Statement> body, JinjaRun run, Scope scope)
    {
        foreach (var statement in body)
            if (statement.Run(run, scope) is not Flow.Next and var flow)
                return flow;
        return Flow.Next;
    }

    /// <summary>What statements write.</summary>
    public static string Captured(List<Statement> body, JinjaRun run, Scope scope)
    {
        var outer = run.Output;
        run.Output = new StringBuilder();
        RunAll(body, run, scope);
        var text = run.Output.ToString();
        run.Output = outer;
        return text;
    }

    /// <summary>What the statement does.</summary>
    protected abstract Flow Do(JinjaRun run, Scope scope);
}

internal sealed class Literal(string text) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        run.Write(text);
        return Flow.Next;
    }
}

internal sealed class Print(Expression expression) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        run.Write(JinjaValue.Text(expression.Value(run, scope)));
        return Flow.Next;
    }
}

internal sealed class Jump(Flow flow) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope) => flow;
}

/// <summary><c>set a, b = value</c>, <c>set space.a = value</c>, or <c>set a</c> with what a block writes.</summary>
internal sealed class Set(List<(string Name, string? Attribute)> targets, Expression? value, List<Statement>? body) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        var result = value is null ? Captured(body!, run, new Scope(scope)) : value.Value(run, scope);
        if (targets.Count == 1)
            Assign(scope, targets[0], result);
        else if (result is List<object?> values && values.Count == targets.Count)
            for (var i = 0; i < targets.Count; i++)
                Assign(scope, targets[i], values[i]);
        else
            throw new InputException($"The chat template sets {targets.Count} names to {JinjaValue.Kind(result)}.");
        return Flow.Next;
    }

    private static void Assign(Scope scope, (string Name, string? Attribute) target, object? value)
    {
        if (target.Attribute is null)
            scope[target.Name] = value;
        else if (scope[target.Name] is Namespace space)
            space.Attributes[target.Attribute] = value;
        else
            throw new InputException($"The chat template sets {target.Name}.{target.Attribute}, but {target.Name} is no namespace.");
    }
}

internal sealed class If(List<(Expression Condition, List<Statement> Body)> branches, List<Statement> otherwise) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        foreach (var (condition, body) in branches)
            if (JinjaValue.True(condition.Value(run, scope)))
                return RunAll(body, run, scope);
        return RunAll(otherwise, run, scope);
    }
}

internal sealed class For(
    List<string> names,
    Expression over,
    Expression? condition,
    List<Statement> body,
    List<Statement> otherwise) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        var entries = JinjaMembers.Entries(run, over.Value(run, scope));
        run.Charge(entries.Count);
        if (condition is not null)
        {
            entries = entries.FindAll(e =>
            {
                var inner = new Scope(scope);
                Bind(inner, e);
                return JinjaValue.True(condition.Value(run, inner));
            });
        }

        // An entry of a list that the body reaches cannot change: nothing in a template changes a list.
        for (var i = 0; i < entries.Count; i++)
        {
            var inner = new Scope(scope);
            Bind(inner, entries[i]);
            inner["loop"] = Loop(entries, i);
            if (RunAll(body, run, inner) == Flow.Break)
                return Flow.Next;
        }

        return entries.Count == 0 ? RunAll(otherwise, run, new Scope(scope)) : Flow.Next;
    }

    private static JinjaMapping Loop(List<object?> entries, int i) => new()
    {
        ["index"] = i + 1L,
        ["index0"] = (long)i,
        ["revindex"] = (long)entries.Count - i,
        ["revindex0"] = entries.Count - i - 1L,
        ["first"] = i == 0,
        ["last"] = i == entries.Count - 1,
        ["length"] = (long)entries.Count,
        ["previtem"] = i > 0 ? entries[i - 1] : new Undefined("loop.previtem"),
        ["nextitem"] = i + 1 < entries.Count ? entries[i + 1] : new Undefined("loop.nextitem"),
    };

    private void Bind(Scope scope, object? entry)
    {
        if (names.Count == 1)
            scope[names[0]] = entry;
        else if (entry is List<object?> values && values.Count == names.Count)
            for (var i = 0; i < names.Count; i++)
                scope[names[i]] = values[i];
        else
            throw new InputException($"The chat template's loop wants {names.Count} values an entry, and an entry is "
                + $"{JinjaValue.Kind(entry)}.");
    }
}
