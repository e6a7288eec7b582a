namespace G2RL.Onnx.Rollouts;

/// <summary>Every random number of a run, as a pure function of what it is for. Purposes never meet: each is mixed into the key.</summary>
/// <remarks>
/// Layout of <see cref="Philox"/> blocks (64-bit key; 32-bit counters 0 .. 3):
/// tokens (seed; token, sample, prompt, step); derived seeds (seed; 0x5EED5EED, purpose, step, 0xFFFFFFFF), which no token reaches because
/// a step is never -1; permutations (seed; i, 0, 0, 0); normal numbers (seed; i, stream, 0, 0). Results under a seed change with this
/// layout only.
/// </remarks>
internal static class Seeds
{
    /// <summary>What random numbers are for.</summary>
    public enum Purpose
    {
        /// <summary>Choosing tokens of training rollouts.</summary>
        Sampling = 1,

        /// <summary>Choosing tokens of evaluation rollouts.</summary>
        Evaluation = 2,

        /// <summary>Dividing a batch into mini-batches.</summary>
        Minibatches = 3,

        /// <summary>The shuffled control.</summary>
        Shuffle = 4,

        /// <summary>Initial weights.</summary>
        Weights = 5,

        /// <summary>Resampling of intervals.</summary>
        Bootstrap = 6,

        /// <summary>Pretraining examples.</summary>
        Examples = 7,

        /// <summary>Groups that are drawn anew for want of a signal.</summary>
        Resampling = 8,

        /// <summary>Initial weights of an adapter.</summary>
        Adapter = 9,

        /// <summary>Lots of tokens, for losses that draw some.</summary>
        Lots = 10,
    }

    /// <summary>The uniform number in [0, 1), 53 bits, that chooses one token.</summary>
    /// <param name="seed">Seed of the run (see <see cref="Derive"/>).</param>
    /// <param name="step">Step of the run.</param>
    /// <param name="prompt">Index of the prompt within its step.</param>
    /// <param name="sample">Index of the rollout within its group.</param>
    /// <param name="token">Index of the token within its rollout.</param>
    public static double Uniform(ulong seed, int step, int prompt, int sample, int token)
    {
        var (a, b, _, _) = Philox.Block(seed, (uint)token, (uint)sample, (uint)prompt, (uint)step);
        return ToUniform(a, b);
    }

    /// <summary>A seed for one use of a run's seed.</summary>
    public static ulong Derive(ulong seed, Purpose purpose, int step = 0)
    {
        var (a, b, _, _) = Philox.Block(seed, 0x5EED5EEDu, (uint)purpose, (uint)step, 0xFFFFFFFFu);
        return ((ulong)a << 32) | b;
    }

    /// <summary>A random order of 0 .. n-1.</summary>
    public static int[] Permutation(ulong seed, int n)
    {
        var order = new int[n];
        Permutation(seed, order);
        return order;
    }

    /// <summary>Fills <paramref name="order"/> with a random order of 0 .. its length - 1 (Fisher-Yates).</summary>
    /// <param name="seed">A seed for this use alone (see <see cref="Derive"/>).</param>
    /// <param name="order">Receives the order, [n], n >= 0.</param>
    public static void Permutation(ulong seed, Span<int> order)
    {
        for (var i = 0; i < order.Length; i++)
            order[i] = i;
        for (var i = order.Length - 1; i > 0; i--)
        {
            var j = (int)(Uniform(seed, 0, 0, 0, i) * (i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }
    }

    /// <summary>Independent standard normal numbers (Box-Muller), a pure function of (seed, stream index, position).</summary>
    public static void Normal(ulong seed, int index, Span<float> destination)
    {
        for (var i = 0; i < destination.Length; i += 2)
        {
            var (a, b, c, d) = Philox.Block(seed, (uint)i, (uint)index, 0, 0);
            var radius = Math.Sqrt(-2 * Math.Log(1 - ToUniform(a, b)));
            var (sin, cos) = Math.SinCos(2 * Math.PI * ToUniform(c, d));
            destination[i] = (float)(radius * cos);
            if (i + 1 < destination.Length)
                destination[i + 1] = (float)(radius * sin);
        }
    }

    private static double ToUniform(uint high, uint low) => (((ulong)high << 21) ^ (low >> 11)) * (1.0 / (1UL << 53));
}
