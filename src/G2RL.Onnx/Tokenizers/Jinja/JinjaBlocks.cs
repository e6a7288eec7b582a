namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>A macro: text with parameters, called like a function.</summary>
internal sealed class Macro(string name, List<(string Name, Expression? Default)> parameters, List<Statement> body) : Statement
{
    /// <summary>What runs the macro; its body sees the names that stood where it was made.</summary>
    public Callable In(JinjaRun run, Scope scope) => (placed, named) =>
    {
        // Whoever is called by a block gets it as "caller", whether a parameter has that name or not.
        if (placed.Count > parameters.Count || named.Keys.Any(k => k != "caller" && !parameters.Exists(p => p.Name == k)))
            throw new InputException($"The chat template calls its macro {name} with arguments that it has not.");
        var inner = new Scope(scope);
        if (named.TryGetValue("caller", out var caller))
            inner["caller"] = caller;
        for (var i = 0; i < parameters.Count; i++)
        {
            var (parameter, absent) = parameters[i];
            inner[parameter] = i < placed.Count
                ? placed[i]
                : named.TryGetValue(parameter, out var given) ? given
                : absent is null ? new Undefined(parameter)
                : absent.Value(run, inner);
        }

        run.Enter();
        var text = Captured(body, run, inner);
        run.Leave();
        return text;
    };

    protected override Flow Do(JinjaRun run, Scope scope)
    {
        scope[name] = In(run, scope);
        return Flow.Next;
    }
}

/// <summary><c>call f(x)</c>: what the function gives, which may run the block between as <c>caller()</c>.</summary>
internal sealed class CallBlock(Call call, Macro caller) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        run.Write(JinjaValue.Text(call.With(run, scope, "caller", caller.In(run, scope))));
        return Flow.Next;
    }
}

/// <summary><c>filter f</c>: what the block writes, through filters.</summary>
internal sealed class FilterBlock(List<(string Name, Arguments Arguments)> filters, List<Statement> body) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        object? value = Captured(body, run, new Scope(scope));
        foreach (var (name, arguments) in filters)
            value = JinjaFilters.Apply(run, name, value, arguments.Places(run, scope), arguments.Names(run, scope));
        run.Write(JinjaValue.Text(value));
        return Flow.Next;
    }
}

/// <summary><c>with a = x</c>: names that end with the block. Their values see what stood before it, not each other.</summary>
internal sealed class With(List<(string Name, Expression Value)> values, List<Statement> body) : Statement
{
    protected override Flow Do(JinjaRun run, Scope scope)
    {
        var inner = new Scope(scope);
        foreach (var (name, value) in values)
            inner[name] = value.Value(run, scope);
        return RunAll(body, run, inner);
    }
}
