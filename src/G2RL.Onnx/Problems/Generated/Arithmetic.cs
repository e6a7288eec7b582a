using System.Text;

namespace G2RL.Onnx.Problems.Generated;

/// <summary>
/// Integer expressions to be worked out one operation at a time: the prompt is <c>17+5*(9-3)=</c>, a solution <c>17+5*6=17+30=47</c>. Only
/// the text behind the last <c>=</c> is judged, so a model is free to skip steps or to find its own.
/// </summary>
/// <remarks>
/// An expression belongs to the held-out side if and only if a fixed hash of its text is 0 modulo 10, whatever the settings and seeds are:
/// no training batch and no <see cref="Example"/> of any configuration ever asks for a held-out expression, nor meets one as a step of its
/// solution.
/// </remarks>
public sealed class Arithmetic : IProblemSet, ICorpus
{
    /// <summary>Every character of prompts and solutions, for a character tokenizer.</summary>
    public const string Characters = "0123456789+-*()=";

    private const int MaxCompletion = 16_384;
    private const ulong BatchStream = 1, HeldOutStream = 2, ExampleStream = 3;

    private readonly ArithmeticSettings settings;
    private readonly string place;
    private readonly Lazy<IReadOnlyList<Problem>> heldOut;

    /// <summary>Checks the settings.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="place">What stands before their names where they are typed, for messages: a run's, unless said otherwise.</param>
    /// <exception cref="InputException">A setting is out of range, or no expression satisfies them all.</exception>
    public Arithmetic(ArithmeticSettings settings, string place = "problems.settings")
    {
        (this.settings, this.place) = (settings.Validated(place), place);
        heldOut = new Lazy<IReadOnlyList<Problem>>(DrawHeldOut);
        _ = Draw(0, 0, heldOut: false, 0);
    }

    /// <inheritdoc/>
    public string Name => "arithmetic";

    string ICorpus.Characters => Characters;

    /// <summary>Whether an expression (without the trailing <c>=</c>) is on the held-out side of the split.</summary>
    public static bool IsHeldOut(string expression) =>
        !ArithmeticExpression.TryInteger(expression, out _) && ProblemRandom.Hash(expression) % 10 == 0;

    /// <inheritdoc/>
    /// <remarks>When the settings allow fewer distinct expressions than <paramref name="count"/>, some occur more than once.</remarks>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var key = ProblemRandom.Stream(BatchStream, (ulong)(uint)step);
        return DistinctDraws.Exactly(
            count,
            p => p.Prompt,
            draw => ToProblem(Draw(seed, ProblemRandom.Stream(key, draw), heldOut: false, 0).Expression));
    }

    /// <inheritdoc/>
    /// <remarks>At most <see cref="ArithmeticSettings.HeldOutCount"/>; fewer when the settings allow fewer distinct expressions.</remarks>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return [.. heldOut.Value.Take(count)];
    }

    /// <inheritdoc/>
    public Outcome Judge(Problem problem, string completion, bool finished)
    {
        if (!finished || string.IsNullOrEmpty(completion) || completion.Length > MaxCompletion)
            return Outcome.Judged(correct: false, wellFormed: false);
        var last = completion.AsSpan(completion.LastIndexOf('=') + 1);
        var isInteger = ArithmeticExpression.TryInteger(last, out _);
        return Outcome.Judged(isInteger && last.SequenceEqual(problem.Answer), isInteger && IsDerivation(completion));
    }

    /// <summary>The worked solution of a problem of this set, without the prompt: <c>17+5*6=17+30=47</c>.</summary>
    /// <exception cref="InputException">The prompt is not an expression followed by <c>=</c>.</exception>
    public static string Solution(Problem problem) => Derivation(Parse(problem.Prompt), ArithmeticExpression.Apply);

    /// <inheritdoc/>
    /// <remarks>
    /// With <see cref="ArithmeticSettings.ErrorRate"/> above 0 some results are wrong and carried on, as in text that people wrote.
    /// </remarks>
    public (string Prompt, string Solution) Example(ulong seed, long index)
    {
        var (expression, solution) = Draw(seed, ProblemRandom.Stream(ExampleStream, (ulong)index), heldOut: false, settings.ErrorRate);
        return (expression + "=", solution);
    }

    private static Problem ToProblem(ArithmeticExpression expression)
    {
        var text = expression.ToString();
        while (!expression.IsNumber)
            expression = expression.Reduce(ArithmeticExpression.Apply);
        return new Problem("arithmetic/" + text, text + "=", expression.ToString());
    }

    private static ArithmeticExpression Parse(string prompt) =>
        prompt.EndsWith('=') && ArithmeticExpression.TryParse(prompt.AsSpan(0, prompt.Length - 1), out var expression)
            ? expression
            : throw new InputException($"The prompt '{prompt}' is not an arithmetic problem; "
                + "it must be an expression of numbers, + - * and parentheses, then '='.");

    // One operation at a time, joined by '='.
    private static string Derivation(ArithmeticExpression expression, Func<char, long, long, long> evaluate)
    {
        var text = new StringBuilder();
        do
        {
            expression = expression.Reduce(evaluate);
            text.Append(text.Length > 0 ? "=" : "").Append(expression);
        }
        while (!expression.IsNumber);
        return text.ToString();
    }

    private static bool IsDerivation(ReadOnlySpan<char> completion)
    {
        foreach (var step in completion.Split('='))
            if (!ArithmeticExpression.TryParse(completion[step], out _))
                return false;
        return true;
    }

    private List<Problem> DrawHeldOut() => DistinctDraws.AtMost(
        settings.HeldOutCount,
        p => p.Prompt,
        draw => ToProblem(Draw(settings.Seed, ProblemRandom.Stream(HeldOutStream, draw), heldOut: true, 0).Expression));

    // Rejection: draws until the expression lies on the wanted side of the split and no intermediate result leaves the bound.
    private (ArithmeticExpression Expression, string Solution) Draw(ulong seed, ulong stream, bool heldOut, double errorRate)
    {
        var random = new ProblemRandom(seed, stream);
        for (var attempt = 0; attempt < DistinctDraws.MaxAttempts; attempt++)
        {
            var operands = random.Between(settings.MinOperands, settings.MaxOperands);
            var expression = settings.Parentheses ? Tree(ref random, operands) : Flat(ref random, operands);
            if (!InBound(expression) || IsHeldOut(expression.ToString()) != heldOut)
                continue;
            var solution = errorRate > 0 ? Mistaken(ref random, expression, errorRate) : Derivation(expression, ArithmeticExpression.Apply);
            if (solution is not null && (heldOut || !solution.Split('=').Any(IsHeldOut)))
                return (expression, solution);
        }

        throw new InputException($"No {(heldOut ? "held-out " : "")}expression with {settings.MinOperands} to {settings.MaxOperands} "
            + $"numbers of {settings.MinOperand} to {settings.MaxOperand} "
            + $"keeps its results within {settings.Bound} in {DistinctDraws.MaxAttempts} attempts. "
            + $"Raise {place}.bound, or lower {place}.maxOperands or {place}.maxOperand.");
    }

    private bool InBound(ArithmeticExpression expression)
    {
        var inBound = true;
        while (!expression.IsNumber && inBound)
        {
            expression = expression.Reduce((op, a, b) =>
            {
                var result = ArithmeticExpression.Apply(op, a, b);
                inBound = Math.Abs(result) <= settings.Bound;
                return result;
            });
        }

        return inBound;
    }

    // The mistakes people make: off by one, by two or by ten. Null when a carried mistake leaves the bound.
    private string? Mistaken(ref ProblemRandom random, ArithmeticExpression expression, double errorRate)
    {
        var own = random;
        var inBound = true;
        var solution = Derivation(expression, (op, a, b) =>
        {
            var result = ArithmeticExpression.Apply(op, a, b);
            if (own.Unit() < errorRate)
                result = own.Below(6) switch
                {
                    0 =>
                    result + 1,
                    1 => result - 1,
                    2 => result + 2,
                    3 => result - 2,
                    4 => result + 10,
                    _ => result - 10
                };
            inBound &= Math.Abs(result) <= settings.Bound;
            return Math.Clamp(result, -settings.Bound, settings.Bound);
        });
        random = own;
        return inBound ? solution : null;
    }

    private ArithmeticExpression Tree(ref ProblemRandom random, int operands)
    {
        if (operands == 1)
            return ArithmeticExpression.Number(random.Between(settings.MinOperand, settings.MaxOperand));
        var leftOperands = random.Between(1, operands - 1);
        var op = Operator(ref random);
        var left = Tree(ref random, leftOperands);
        return ArithmeticExpression.Operation(op, left, Tree(ref random, operands - leftOperands));
    }

    private ArithmeticExpression Flat(ref ProblemRandom random, int operands)
    {
        var text = new StringBuilder();
        for (var i = 0; i < operands; i++)
        {
            if (i > 0)
                text.Append(Operator(ref random));
            text.Append(random.Between(settings.MinOperand, settings.MaxOperand));
        }

        return Parse(text.Append('=').ToString());
    }

    private char Operator(ref ProblemRandom random) => settings.Operators[random.Below(settings.Operators.Length)];
}
