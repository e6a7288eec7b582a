namespace G2RL.Onnx.Problems;

/// <summary>Problems to train on, problems held out, and the judge of both.</summary>
public interface IProblemSet
{
    /// <summary>The name in <c>ProblemSets.All</c>.</summary>
    string Name { get; }

    /// <summary>
    /// What was left out while the problems were read, one line a reason; empty when nothing was. A run shows them as warnings.
    /// </summary>
    IReadOnlyList<string> Notes => [];

    /// <summary>
    /// Every training problem, in the set's order, where it is a list; null where problems are made up as they are asked for. With a list
    /// <see cref="HeldOut"/> takes <see cref="int.MaxValue"/> for all, and <see cref="Without"/> works.
    /// </summary>
    IReadOnlyList<Problem>? Training => null;

    /// <summary>
    /// The same set as if some problems had never been in it, training and held-out ones alike; only where <see cref="Training"/> is a
    /// list.
    /// </summary>
    /// <param name="problems">What is left out.</param>
    IProblemSet Without(IReadOnlySet<Problem> problems) => throw new NotSupportedException($"Problem set '{Name}' is no list.");

    /// <summary>
    /// The training problems of one step: a pure function of (seed, step, count). No problem twice within a batch while the set is large
    /// enough.
    /// </summary>
    IReadOnlyList<Problem> Batch(int step, int count, ulong seed);

    /// <summary>
    /// The first <paramref name="count"/> held-out problems, disjoint from every training problem; the same for every seed of a run.
    /// </summary>
    IReadOnlyList<Problem> HeldOut(int count);

    /// <summary>Judges a completion (special tokens already removed). Completions are hostile input: this never throws.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="completion">The text that the model wrote.</param>
    /// <param name="finished">False when the length limit cut it off.</param>
    Outcome Judge(Problem problem, string completion, bool finished);

    /// <summary>
    /// The part of a completion that is its answer, for majority votes: what follows the last '=' or line break, white space at the end
    /// left out, unless a set knows better. Null is no vote.
    /// </summary>
    string? AnswerOf(Problem problem, string completion)
    {
        var text = completion.AsSpan().TrimEnd();
        return text[(text.LastIndexOfAny('=', '\n') + 1)..].Trim().ToString();
    }

    /// <summary>A spelling that equal answers share as far as a set can tell by spelling, and different answers never do.</summary>
    string Spelling(Problem problem, string answer) => answer;

    /// <summary>Whether two answers of <see cref="AnswerOf"/> are the same, whatever their spelling.</summary>
    bool IsSameAnswer(Problem problem, string left, string right) => left == right;
}
