using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Cuda.Several;

/// <summary>The optimizer of the device that updates; says when the weights there are others than elsewhere.</summary>
/// <param name="own">The device's.</param>
/// <param name="changed">Told after each change.</param>
internal sealed class LeadingOptimizer(IPolicyOptimizer own, Action changed) : IPolicyOptimizer
{
    public bool Packs => own.Packs;

    public int MostTokens => own.MostTokens;

    public void Clear() => own.Clear();

    public double Add(Microbatch micro) => own.Add(micro);

    public double Add(IReadOnlyList<Microbatch> micros, CancellationToken cancel = default) => own.Add(micros, cancel);

    public double? GradientNorm() => own.GradientNorm();

    public void Step(double learningRate)
    {
        own.Step(learningRate);
        changed();
    }

    public void Save(string folder) => own.Save(folder);

    public void Load(string folder)
    {
        own.Load(folder);
        changed();
    }

    public void Dispose() => own.Dispose();
}
