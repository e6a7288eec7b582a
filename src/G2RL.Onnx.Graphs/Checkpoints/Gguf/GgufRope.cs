using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Checkpoints;

/// <summary>Rotary positions of a GGUF file: from its metadata, and Llama 3's scaling from the divisors that it stores instead.</summary>
internal static class GgufRope
{
    /// <summary>The tensor of Llama 3's divisors, one a frequency.</summary>
    public const string Divisors = "rope_freqs.weight";

    // The divisors are float32, computed by other code from rounded frequencies.
    private const double Tolerance = 1e-4;

    // Constants of Llama 3.1 to 3.3, whose files name none of them.
    private const int Llama3Length = 8192;

    public static RopeSpec Read(GgufFile file, GgufKeys keys, int headDimension, int positions)
    {
        var plain = new RopeSpec { Theta = keys.OptionalNumber(".rope.freq_base") ?? new RopeSpec().Theta };
        keys.Ignore(".rope.scaling.finetuned");
        var original = keys.OptionalInteger(".rope.scaling.original_context_length");
        var old = keys.OptionalNumber(".rope.scale_linear");
        var factor = keys.OptionalNumber(".rope.scaling.factor") ?? old ?? 1;
        var type = keys.OptionalText(".rope.scaling.type") ?? (factor == 1 ? "none" : "linear");
        keys.Expect(".rope.scaling.attn_factor", number => number == 1, "attention is scaled as YaRN's paper says, or not at all.");
        keys.Expect(".rope.scaling.yarn_log_multiplier", number => number == 0.1, "attention is scaled as YaRN's paper says.");
        keys.Expect(".rope.scaling.yarn_ext_factor", number => number is 1 or -1, "the ramp is used whole.");
        keys.Expect(".rope.scaling.yarn_attn_factor", number => number is 1 or -1, "attention is scaled as YaRN's paper says.");
        keys.Expect(".rope.scaling.yarn_beta_fast", number => number == plain.BetaFast, $"it must be {plain.BetaFast}.");
        keys.Expect(".rope.scaling.yarn_beta_slow", number => number == plain.BetaSlow, $"it must be {plain.BetaSlow}.");
        var scaled = type switch
        {
            "none" => plain,
            "linear" => factor == 1 ? plain : plain with { Kind = RopeKind.Linear, Factor = factor },
            "yarn" => plain with { Kind = RopeKind.Yarn, Factor = factor, OriginalMaxPositions = original ?? positions },
            _ => throw keys.Fault($".rope.scaling.type is '{type}', which is not supported; none, linear and yarn are"),
        };
        if (!file.Tensors.ContainsKey(Divisors))
            return scaled;
        if (scaled.Kind != RopeKind.Default)
            throw keys.Fault($"it scales its rotary frequencies twice: by '{type}' and by the tensor '{Divisors}'");
        return Llama3(file, keys, plain, headDimension, original ?? Llama3Length);
    }

    // The largest divisor is the factor; whether the other constants are Llama 3's is seen from the divisors that they give.
    private static RopeSpec Llama3(GgufFile file, GgufKeys keys, RopeSpec plain, int headDimension, int original)
    {
        var tensor = file.Tensors[Divisors];
        if (tensor.Count != headDimension / 2)
            throw keys.Fault($"the tensor '{Divisors}' has {tensor.Count} numbers; {headDimension / 2} are expected, half of the head's "
                + "width");
        var stored = new float[tensor.Count];
        file.ReadFloats(Divisors, 0, stored);
        var factor = Math.Round(stored.Max(), 4);
        if (Array.TrueForAll(stored, divisor => divisor == 1))
            return plain;
        var spec = plain with { Kind = RopeKind.Llama3, Factor = factor, OriginalMaxPositions = original };
        if (factor is >= 1 and <= 1e6)
        {
            var (whole, divided) = (RopeFrequencies.Of(plain, headDimension), RopeFrequencies.Of(spec, headDimension));
            if (stored.Select((divisor, i) => Math.Abs((divisor * divided[i] / whole[i]) - 1) <= Tolerance).All(holds => holds))
                return spec;
        }
        throw keys.Fault($"the tensor '{Divisors}' divides the rotary frequencies by {string.Join(", ", stored.Take(4))}, ... "
            + $"{stored[^1]}, which are not Llama 3's scaling for texts of {original} tokens; no other is known here");
    }
}
