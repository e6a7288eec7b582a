namespace G2RL.Onnx.Models.Rotary;

/// <summary>
/// The frequency formulas, one a kind. Source: transformers 5.x `modeling_rope_utils.py`; float where a float32 tensor stands there.
/// </summary>
internal static class RopeFrequencies
{
    public static float[] Of(RopeSpec spec, int headDimension)
    {
        // Periods theta^(2i/d), then their inverses.
        var periods = new float[headDimension / 2];
        for (var i = 0; i < periods.Length; i++)
            periods[i] = (float)Math.Pow((float)spec.Theta, 2f * i / headDimension);
        var plain = Array.ConvertAll(periods, period => 1f / period);
        return spec.Kind switch
        {
            RopeKind.Default or RopeKind.Dynamic => plain,
            RopeKind.Linear => Array.ConvertAll(plain, f => f / (float)spec.Factor),
            RopeKind.Llama3 => Array.ConvertAll(plain, f => Llama3(spec, f)),
            RopeKind.Yarn => Yarn(spec, headDimension, periods, plain),
            _ => throw new InputException($"The RoPE scaling {spec.Kind} is unknown."),
        };
    }

    public static double AttentionScaling(RopeSpec spec)
    {
        if (spec.Kind != RopeKind.Yarn)
            return 1;
        if (spec.AttentionFactor is { } given)
            return given;
        return spec.MScale is > 0 && spec.MScaleAllDimensions is > 0
            ? Scale(spec.Factor, spec.MScale.Value) / Scale(spec.Factor, spec.MScaleAllDimensions.Value)
            : Scale(spec.Factor, 1);

        static double Scale(double factor, double mscale) => factor <= 1 ? 1 : (0.1 * mscale * Math.Log(factor)) + 1;
    }

    private static float Llama3(RopeSpec spec, float frequency)
    {
        float factor = (float)spec.Factor, low = (float)spec.LowFrequencyFactor;
        var wavelength = (float)(2 * Math.PI) / frequency;
        if (wavelength > (float)(spec.OriginalMaxPositions / spec.LowFrequencyFactor))
            return frequency / factor;
        if (wavelength < (float)(spec.OriginalMaxPositions / spec.HighFrequencyFactor))
            return frequency;
        var smooth = ((spec.OriginalMaxPositions / wavelength) - low) / (float)(spec.HighFrequencyFactor - spec.LowFrequencyFactor);
        return ((1 - smooth) * frequency / factor) + (smooth * frequency);
    }

    private static float[] Yarn(RopeSpec spec, int headDimension, float[] periods, float[] plain)
    {
        double low = Dimension(spec.BetaFast), high = Dimension(spec.BetaSlow);
        if (spec.Truncate)
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        low = Math.Max(low, 0);
        high = Math.Min(high, headDimension - 1);
        // Keeps the ramp's slope finite.
        if (low == high)
            high += 0.001;

        var result = new float[plain.Length];
        for (var i = 0; i < result.Length; i++)
        {
            var ramp = Math.Clamp((i - (float)low) / (float)(high - low), 0f, 1f);
            var keep = 1 - ramp;
            var stretched = 1f / ((float)spec.Factor * periods[i]);
            result[i] = (stretched * (1 - keep)) + (plain[i] * keep);
        }
        return result;

        // The (fractional) dimension whose frequency turns this often over the original length.
        double Dimension(double rotations) =>
            headDimension * Math.Log(spec.OriginalMaxPositions / (rotations * 2 * Math.PI)) / (2 * Math.Log(spec.Theta));
    }
}
