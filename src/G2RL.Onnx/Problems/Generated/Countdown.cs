using System.Numerics;

namespace G2RL.Onnx.Problems.Generated;

/// <summary>
/// Reach a target from given numbers with + - * / and parentheses, each number at most once: the prompt is <c>3,7,9:42=</c>, and
/// <c>(9-3)*7</c> and <c>7*(9-3)</c> are both right. Every valid expression with exactly the target's value earns the reward; nothing is
/// rounded.
/// </summary>
/// <remarks>
/// Targets are values of expressions drawn over the given numbers, so every problem has a solution; no target is one of the numbers. A
/// problem belongs to the held-out side if and only if a fixed hash of its target and its numbers, in ascending order, is 0 modulo 10,
/// whatever the settings and seeds are: no training batch and no <see cref="Example"/> of any configuration asks for a held-out problem,
/// nor for one with its numbers in another order.
/// </remarks>
public sealed class Countdown : IProblemSet, ICorpus
{
    private const ulong BatchStream = 1, HeldOutStream = 2, ExampleStream = 3;

    private readonly CountdownSettings settings;
    private readonly string place;
    private readonly Lazy<IReadOnlyList<Problem>> heldOut;

    /// <summary>Checks the settings.</summary>
    /// <param name="settings">The settings.</param>
    /// <param name="place">What stands before their names where they are typed, for messages: a run's, unless said otherwise.</param>
    /// <exception cref="InputException">A setting is out of range, or no problem satisfies them all.</exception>
    public Countdown(CountdownSettings settings, string place = "problems.settings")
    {
        (this.settings, this.place) = (settings.Validated(place), place);
        heldOut = new Lazy<IReadOnlyList<Problem>>(DrawHeldOut);
        _ = Draw(0, 0, heldOut: false);
    }

    /// <inheritdoc/>
    public string Name => "countdown";

    /// <inheritdoc/>
    public string Characters => "0123456789+-*/(),:=";

    /// <summary>Whether a problem is on the held-out side of the split. The order of the numbers does not matter.</summary>
    public static bool IsHeldOut(IReadOnlyList<int> numbers, int target) =>
        ProblemRandom.Hash(new CountdownPrompt(numbers, target).Key) % 10 == 0;

    /// <inheritdoc/>
    /// <remarks>When the settings allow fewer distinct problems than <paramref name="count"/>, some occur more than once.</remarks>
    public IReadOnlyList<Problem> Batch(int step, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        var key = ProblemRandom.Stream(BatchStream, (ulong)(uint)step);
        // The id of a problem is its key: the same whatever the order of its numbers.
        return DistinctDraws.Exactly(count, p => p.Id, draw => ToProblem(Draw(seed, ProblemRandom.Stream(key, draw), heldOut: false)));
    }

    /// <inheritdoc/>
    /// <remarks>At most <see cref="CountdownSettings.HeldOutCount"/>; fewer when the settings allow fewer distinct problems.</remarks>
    public IReadOnlyList<Problem> HeldOut(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        return [.. heldOut.Value.Take(count)];
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Well-formed is a finished expression of the grammar; whether its numbers and operators are allowed is part of being right.
    /// </remarks>
    public Outcome Judge(Problem problem, string completion, bool finished)
    {
        if (CountdownPrompt.TryParse(problem.Prompt) is not { } prompt)
            return Outcome.Failed($"problem '{problem.Id}' is not a countdown problem; its prompt must look like 3,7,9:42=");
        if (!finished || string.IsNullOrEmpty(completion) || RationalExpression.TryParse(completion) is not { } expression)
            return Outcome.Judged(correct: false, wellFormed: false);
        // Only what is given is worked out, so that no completion makes large numbers.
        var right = IsGiven(expression.Numbers, prompt.Numbers)
            && expression.UsesOnly(settings.Operators)
            && expression.IsWhole(prompt.Target);
        return Outcome.Judged(right);
    }

    /// <inheritdoc/>
    public string? AnswerOf(Problem problem, string completion) => completion.Replace(" ", "", StringComparison.Ordinal);

    /// <inheritdoc/>
    /// <remarks>With <see cref="CountdownSettings.ErrorRate"/> above 0 some solutions have a wrong operator.</remarks>
    public (string Prompt, string Solution) Example(ulong seed, long index)
    {
        var drawn = Draw(seed, ProblemRandom.Stream(ExampleStream, (ulong)index), heldOut: false);
        return (drawn.Prompt.ToString(), drawn.Solution);
    }

    private static Problem ToProblem((CountdownPrompt Prompt, string Solution) drawn) =>
        new("countdown/" + drawn.Prompt.Key, drawn.Prompt.ToString(), drawn.Solution);

    private bool IsGiven(ReadOnlySpan<BigInteger> used, IReadOnlyList<int> given)
    {
        if (used.Length > given.Count || (settings.UseAll && used.Length < given.Count))
            return false;
        var left = new List<int>(given);
        foreach (var number in used)
            if (number > int.MaxValue || !left.Remove((int)number))
                return false;
        return true;
    }

    private List<Problem> DrawHeldOut() =>
        DistinctDraws.AtMost(
            settings.HeldOutCount,
            p => p.Id,
            draw => ToProblem(Draw(settings.Seed, ProblemRandom.Stream(HeldOutStream, draw), heldOut: true)));

    // Rejection: draws numbers and an expression until its value is a target in range and the problem lies on the wanted side of the split.
    private (CountdownPrompt Prompt, string Solution) Draw(ulong seed, ulong stream, bool heldOut)
    {
        var random = new ProblemRandom(seed, stream);
        for (var attempt = 0; attempt < DistinctDraws.MaxAttempts; attempt++)
        {
            var numbers = new int[random.Between(settings.MinCount, settings.MaxCount)];
            foreach (ref var number in numbers.AsSpan())
                number = random.Between(settings.MinNumber, settings.MaxNumber);
            var used = settings.UseAll ? numbers.Length : random.Between(2, numbers.Length);
            int[] order = [.. random.Permutation(numbers.Length).Take(used).Select(i => numbers[i])];
            var operators = new char[used - 1];
            foreach (ref var op in operators.AsSpan())
                op = Operator(ref random);
            var shape = random;
            var solution = DrawnExpression.Draw(ref random, order, operators);
            if (solution.Whole is not { } target
                || target < settings.MinTarget
                || target > settings.MaxTarget
                || numbers.Contains((int)target)
                || IsHeldOut(numbers, (int)target) != heldOut)
                continue;
            if (settings.ErrorRate > 0 && random.Unit() < settings.ErrorRate)
            {
                // The same shape over the same numbers: all that differs is one operator.
                operators[random.Below(operators.Length)] = Operator(ref random);
                solution = DrawnExpression.Draw(ref shape, order, operators);
            }

            return (new CountdownPrompt(numbers, (int)target), solution.Text);
        }

        throw new InputException($"No {(heldOut ? "held-out " : "")}problem with {settings.MinCount} to {settings.MaxCount} numbers of "
            + $"{settings.MinNumber} to {settings.MaxNumber} "
            + $"has a target of {settings.MinTarget} to {settings.MaxTarget} in {DistinctDraws.MaxAttempts} attempts. "
            + $"Widen the targets ({place}.minTarget, {place}.maxTarget), or lower {place}.minNumber or {place}.maxCount.");
    }

    private char Operator(ref ProblemRandom random) => settings.Operators[random.Below(settings.Operators.Length)];
}
