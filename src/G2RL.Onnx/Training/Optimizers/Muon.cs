using System.Numerics.Tensors;
using G2RL.Onnx.Checkpoints.SafeTensors;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>
/// Muon: m = mu m + (1 - mu) g; u = mu m + (1 - mu) g; O = five Newton-Schulz steps on u / |u|, which bring its singular values near 1;
/// p -= lr wd p; p -= lr 0.2 sqrt(max(rows, columns)) O, whose root mean square is then about that of AdamW's update, so that learning
/// rates carry over. For matrices of the layers or of adapters; all other weights go to AdamW.
/// </summary>
/// <remarks>
/// Source: Jordan et al., kellerjordan.github.io/posts/muon (Nesterov form and coefficients); the factor: Liu et al., arXiv:2502.16982. The
/// products are an ONNX graph, one thread a matrix, so that no bit depends on the number of threads.
/// </remarks>
internal sealed class Muon : IWeightOptimizer
{
    private const string Suffix = ".momentum";
    private const int Iterations = 5;
    private static readonly (double A, double B, double C) Coefficients = (3.4445, -4.7750, 2.0315);

    private readonly AdamWSettings settings;
    private readonly IWeightOptimizer rest;
    private readonly int threads;
    private readonly (Parameter Weight, Parameter Gradient, Parameter Momentum)[] matrices;
    private readonly OrtSession session;

    /// <summary>Reserves momentum and AdamW's moments, zero.</summary>
    /// <param name="policy">Its weights are updated in place.</param>
    /// <param name="gradients">Gradients of those that learn, in the same order.</param>
    /// <param name="settings">Settings.</param>
    /// <param name="threads">Threads, >= 1.</param>
    public Muon(Policy policy, IReadOnlyList<Parameter> gradients, AdamWSettings settings, int threads)
    {
        (this.settings, this.threads) = (settings, threads);
        var names = LinearModule.Of(policy.Spec)
            .Select(m => m.Name + ".weight")
            .Concat(policy.Spec.Parameters.Where(p => p.IsAdapter).Select(p => p.Name))
                .ToHashSet(StringComparer.Ordinal);
        var all = policy.Trainable.Zip(gradients).ToArray();
        matrices = [.. all.Where(p => names.Contains(p.First.Name))
            .Select(p => (p.First, p.Second, new Parameter(p.First.Name, [.. p.First.Shape])))];
        var others = all.Where(p => !names.Contains(p.First.Name)).ToArray();
        rest = new AdamW([.. others.Select(p => p.First)], [.. others.Select(p => p.Second)], settings, threads);
        session = new OrtSession(Orthogonalization(), threads: 1);
    }

    /// <inheritdoc/>
    public long Steps { get => rest.Steps; set => rest.Steps = value; }

    /// <summary>The graph: u [rows, columns] to orthogonalized [rows, columns].</summary>
    internal static Graph Orthogonalization()
    {
        var graph = new Graph("muon");
        var op = new OpBuilder(graph);
        // Rows are never more than columns: the caller turns tall matrices over.
        var u = graph.Input("u", ElementType.Float32, "R", "C");
        var x = op.Div(u, op.Add(op.Sqrt(op.ReduceSum(op.Mul(u, u), keepDims: true, 0, 1)), op.Scalar(1e-7)));
        for (var i = 0; i < Iterations; i++)
        {
            var a = op.Gemm(x, x, transposeB: true);
            var b = op.Add(op.Mul(a, op.Scalar(Coefficients.B)), op.Mul(op.MatMul(a, a), op.Scalar(Coefficients.C)));
            x = op.Add(op.Mul(x, op.Scalar(Coefficients.A)), op.MatMul(b, x));
        }
        graph.Output(op.Named("orthogonalized", x));
        return graph;
    }

    /// <inheritdoc/>
    public double GradientNorm()
    {
        var total = Math.Pow(rest.GradientNorm(), 2);
        foreach (var (_, gradient, _) in matrices)
        {
            var sum = AdamW.SumOfSquares(gradient.Buffer.Span);
            total += double.IsFinite(sum) ? sum : throw new NonFiniteException($"The gradient of '{gradient.Name}' is not finite.");
        }
        return Math.Sqrt(total);
    }

    /// <inheritdoc/>
    public void Step(double learningRate, double gradientNorm)
    {
        rest.Step(learningRate, gradientNorm);
        var scale = (float)settings.ClipScale(gradientNorm);
        var next = -1;
        Lanes.Run(Math.Clamp(matrices.Length, 1, threads), _ =>
        {
            while (Interlocked.Increment(ref next) is var i && i < matrices.Length)
                Update(matrices[i].Weight, matrices[i].Gradient, matrices[i].Momentum, scale, learningRate);
        });
    }

    /// <inheritdoc/>
    public IEnumerable<TensorToWrite> State() =>
        [.. rest.State(), .. matrices.Select(m =>
            TensorToWrite.Floats(m.Weight.Name + Suffix, SafeTensorsDtype.F32, [.. m.Momentum.Shape], _ => m.Momentum.Buffer.Span))];

    /// <inheritdoc/>
    public void Load(SafeTensorsFile file)
    {
        rest.Load(file);
        foreach (var (weight, _, momentum) in matrices)
            file.ReadFloats(weight.Name + Suffix, momentum.Buffer.Span);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        rest.Dispose();
        session.Dispose();
        foreach (var (_, _, momentum) in matrices)
            momentum.Dispose();
    }

    private void Update(Parameter weight, Parameter gradient, Parameter momentum, float scale, double learningRate)
    {
        var (mu, rows, columns) = ((float)settings.Momentum, (int)weight.Shape[0], (int)weight.Shape[1]);
        using var direction = new FloatBuffer(weight.Buffer.Length);
        using var orthogonal = new FloatBuffer(weight.Buffer.Length);
        var u = direction.Span;
        var m = momentum.Buffer.Span;
        TensorPrimitives.Multiply(gradient.Buffer.Span, scale * (1 - mu), u);
        TensorPrimitives.MultiplyAdd(m, mu, u, m);
        TensorPrimitives.MultiplyAdd(m, mu, u, u);
        var tall = rows > columns;
        if (tall)
            Transpose(u, orthogonal.Span, rows, columns);
        using (var binding = session.Bind())
        {
            long[] shape = tall ? [columns, rows] : [rows, columns];
            binding.Input("u", tall ? orthogonal : direction, 0, shape);
            binding.Output("orthogonalized", tall ? direction : orthogonal, 0, shape);
            binding.Run();
        }
        if (tall)
            Transpose(u, orthogonal.Span, columns, rows);
        var weights = weight.Buffer.Span;
        if (settings.Decays(weight.Name))
            TensorPrimitives.Multiply(weights, (float)(1 - (learningRate * settings.WeightDecay)), weights);
        TensorPrimitives.MultiplyAdd(orthogonal.Span, (float)(-learningRate * 0.2 * Math.Sqrt(Math.Max(rows, columns))), weights, weights);
    }

    private static void Transpose(ReadOnlySpan<float> from, Span<float> to, int rows, int columns)
    {
        for (var r = 0; r < rows; r++)
            for (var c = 0; c < columns; c++)
                to[(c * rows) + r] = from[(r * columns) + c];
    }
}
