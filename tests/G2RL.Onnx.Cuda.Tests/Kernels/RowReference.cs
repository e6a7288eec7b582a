namespace G2RL.Onnx.Cuda.Tests.Kernels;

/// <summary>softmax(z / T) of one row in double, straight from the definition.</summary>
internal sealed class RowReference
{
    public RowReference(ReadOnlySpan<float> logits, double inverseTemperature)
    {
        Probabilities = new double[logits.Length];
        var largest = double.NegativeInfinity;
        foreach (var z in logits)
            largest = Math.Max(largest, z);
        var rest = 0d;
        var peaks = 0;
        for (var v = 0; v < logits.Length; v++)
        {
            Probabilities[v] = Math.Exp((logits[v] - largest) * inverseTemperature);
            if (logits[v] == largest)
                peaks++;
            else
                rest += Probabilities[v];
        }
        var total = peaks + rest;
        // ln(1 + rest) keeps its digits where rest is small.
        LogTotal = peaks == 1 && rest < 1e-5 ? rest - (rest * rest / 2) + (rest * rest * rest / 3) : Math.Log(total);
        Largest = largest;
        InverseTemperature = inverseTemperature;
        LogSumExp = (largest * inverseTemperature) + LogTotal;
        for (var v = 0; v < logits.Length; v++)
        {
            var x = (logits[v] - largest) * inverseTemperature;
            Entropy += Probabilities[v] > 0 ? Probabilities[v] * -x / total : 0;
            Probabilities[v] /= total;
        }
        Entropy += LogTotal;
    }

    public double[] Probabilities { get; }

    public double LogSumExp { get; }

    public double Entropy { get; }

    private double Largest { get; }

    private double LogTotal { get; }

    private double InverseTemperature { get; }

    public double LogProb(float logit) => ((logit - Largest) * InverseTemperature) - LogTotal;
}
