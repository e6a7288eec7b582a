namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What one check may still spend. Counted in steps, never in time, so that a verdict does not depend on how busy the machine
/// is.</summary>
internal sealed class Budget
{
    /// <summary>Largest integer that is written out, in bits; larger powers stay powers, larger factorials are over budget.</summary>
    public const int MaxBits = 16_384;

    /// <summary>Most terms of a polynomial.</summary>
    public const int MaxTerms = 1_024;

    /// <summary>Deepest nesting of an answer.</summary>
    public const int MaxDepth = 60;

    /// <summary>Longest answer that is read, in characters.</summary>
    public const int MaxLength = 4_096;

    private readonly int steps;
    private int left;

    /// <summary>A full budget.</summary>
    /// <param name="steps">Steps that may be spent, > 0.</param>
    public Budget(int steps) => this.steps = left = steps;

    /// <summary>Whether anything was refused for want of budget.</summary>
    public bool Exhausted { get; private set; }

    /// <summary>Steps spent so far.</summary>
    public int Spent => steps - Math.Max(left, 0);

    /// <summary>Takes steps; false, and <see cref="Exhausted"/> from then on, when too few are left.</summary>
    public bool Spend(long count)
    {
        if (Exhausted || count > left)
        {
            Exhausted = true;
            left = 0;
            return false;
        }

        left -= (int)count;
        return true;
    }

    /// <summary>Takes the steps of an operation on numbers of that many bits: one, and one for each pair of 64-bit words.</summary>
    public bool SpendBits(long bits) => Spend(1 + (bits / 64 * (bits / 64) / 16));

    /// <summary>Refuses an operation whose result would be too large.</summary>
    public bool Refuse()
    {
        Exhausted = true;
        return false;
    }
}
