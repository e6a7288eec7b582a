namespace G2RL.Onnx.Models.Rotary;

/// <summary>Frequencies, attention scaling and cos/sin tables of a <see cref="RopeSpec"/>.</summary>
/// <remarks>
/// Models are trained and served with frequencies and angles in float32 (transformers forces it even inside a float64 model), and the angle
/// of position 40,000 then has a rounding error of 2e-3. So every step here rounds where transformers 5.x `modeling_rope_utils.py` rounds;
/// cos and sin themselves are taken in double and rounded once.
/// </remarks>
public sealed class RotaryEmbedding
{
    private readonly float[] frequencies;
    private readonly int longest;

    /// <summary>Prepares the frequencies.</summary>
    /// <param name="spec">Base and scaling.</param>
    /// <param name="headDimension">How many numbers of a head are rotated; positive and even.</param>
    /// <exception cref="InputException">A number of the spec is out of range.</exception>
    public RotaryEmbedding(RopeSpec spec, int headDimension)
    {
        var faults = new List<string>();
        spec.Check("the rotary embedding", faults);
        if (headDimension < 2 || headDimension % 2 != 0)
            faults.Add($"the rotary embedding: head_dim is {headDimension}; it must be positive and even.");
        if (faults.Count > 0)
            throw InputException.Of(faults);
        HeadDimension = headDimension;
        frequencies = RopeFrequencies.Of(spec, headDimension);
        AttentionScaling = RopeFrequencies.AttentionScaling(spec);
        longest = spec.Kind == RopeKind.Dynamic ? spec.OriginalMaxPositions : int.MaxValue;
    }

    /// <summary>Prepares the frequencies of a model's layers, local ones apart.</summary>
    /// <exception cref="InputException">The model has no rotary positions, or a number is out of range.</exception>
    public RotaryEmbedding(DecoderSpec spec)
        : this(
            spec.Rope ?? throw new InputException($"{spec.Architecture} has learned positions, no rotary ones."),
            spec.RotaryDimension ?? spec.HeadDimension)
    { }

    /// <summary>How many numbers of a head are rotated.</summary>
    public int HeadDimension { get; }

    /// <summary>Multiplies cos and sin (so attention logits get its square); 1 except for YaRN.</summary>
    public double AttentionScaling { get; }

    /// <summary>Radians a position, shape [head_dim / 2], each exactly a float32.</summary>
    public double[] InverseFrequencies() => Array.ConvertAll(frequencies, f => (double)f);

    /// <summary>Writes the tables of positions 0 to <paramref name="positions"/> - 1, attention scaling multiplied in.</summary>
    /// <param name="cos">Receives cos, shape [positions, head_dim / 2].</param>
    /// <param name="sin">Receives sin, same shape.</param>
    /// <param name="positions">Number of rows, in tokens.</param>
    /// <exception cref="ArgumentException">A table of another length.</exception>
    /// <exception cref="InputException">Dynamic NTK, and more positions than the original length.</exception>
    public void Fill(Span<float> cos, Span<float> sin, int positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(positions);
        if (positions > longest)
            throw new InputException($"{positions} positions are asked for; with dynamic RoPE at most the original {longest} can be had, "
                + "since beyond them the angles depend on the text's length. Ask for fewer, or make the model's RoPE yarn or linear.");
        var half = frequencies.Length;
        if (cos.Length != (long)positions * half || sin.Length != cos.Length)
            throw new ArgumentException($"Tables of {cos.Length} and {sin.Length} numbers; {positions} positions x {half} frequencies need "
                + $"{(long)positions * half}.");
        var scaling = (float)AttentionScaling;
        for (var p = 0; p < positions; p++)
            for (var i = 0; i < half; i++)
            {
                var (s, c) = Math.SinCos((float)p * frequencies[i]);
                cos[(p * half) + i] = (float)c * scaling;
                sin[(p * half) + i] = (float)s * scaling;
            }
    }
}
