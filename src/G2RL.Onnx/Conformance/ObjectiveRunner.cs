using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Losses;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Conformance;

/// <summary>What an objective is computed from: a rectangle of tokens [B, T], flattened as training flattens its sequences.</summary>
/// <param name="Settings">The objective.</param>
/// <param name="LogProbs">lp [B, T]</param>
/// <param name="Mask">1 where a token counts [B, T].</param>
/// <param name="Rows">B</param>
/// <param name="Advantages">A [B, T]</param>
/// <param name="Weights">w [B, T], see <see cref="Aggregations"/>.</param>
internal sealed record ObjectiveInput(
    PolicyLossSettings Settings,
    float[] LogProbs,
    float[] Mask,
    int Rows,
    float[] Advantages,
    float[] Weights)
{
    /// <summary>old [B, T]; only where the settings ask for it.</summary>
    public float[]? Old { get; init; }

    /// <summary>ref [B, T]; only with a KL term.</summary>
    public float[]? Reference { get; init; }

    /// <summary>H [B, T]; 0 if left out.</summary>
    public float[]? Entropies { get; init; }

    /// <summary>Weights of the entropies [B, T]; only where they are averaged apart.</summary>
    public float[]? EntropyWeights { get; init; }

    /// <summary>Weights of the divergences [B, T]; only where they are averaged apart.</summary>
    public float[]? KlWeights { get; init; }

    /// <summary>Lots of the tokens [B, T], for losses that draw some; their places if left out.</summary>
    public float[]? Lots { get; init; }

    /// <summary>0 where nothing has moved a token's log-prob yet [B, T]; 1 if left out.</summary>
    public float[]? Moved { get; init; }

    /// <summary>Rollout correction [B, T]; only where the settings ask for it.</summary>
    public float[]? Corrections { get; init; }
}

/// <summary>An objective's values.</summary>
/// <param name="Loss">L</param>
/// <param name="PerToken">l [B, T], correction, divergence and entropy included.</param>
/// <param name="Gradient">dL / dlp [B, T]</param>
internal sealed record ObjectiveResult(double Loss, double[] PerToken, double[] Gradient);

/// <summary>Runs the train graph's objective, with its gradient by the same differentiation, on given log-probs.</summary>
internal static class ObjectiveRunner
{
    /// <summary>Runs an objective.</summary>
    public static ObjectiveResult Run(ObjectiveInput input)
    {
        var graph = new Graph("objective");
        var op = new OpBuilder(graph);
        var (logProbs, entropy) = (graph.Input("log_probs", ElementType.Float32, "R"), graph.Input("entropy", ElementType.Float32, "R"));
        var (loss, perToken) = PolicyLoss.Total(new LossContext(op, input.Settings, logProbs, entropy));
        var gradient = Differentiator.Backward(op, loss, seedGradient: null, [logProbs])[logProbs];
        graph.Output(op.Named("loss", loss));
        graph.Output(op.Named("per_token", perToken));
        graph.Output(op.Named("gradient", gradient));
        graph.Prune(alsoInputs: _ => true);
        using var session = new OrtSession(graph, threads: 1);
        using var binding = session.Bind();
        var (count, width) = (input.LogProbs.Length, input.LogProbs.Length / input.Rows);
        foreach (var (name, data) in new (string, float[]?)[]
        {
            ("log_probs", input.LogProbs),
            ("entropy", input.Entropies ?? new float[count]),
            (PolicyLoss.OldLogProbs, input.Old),
            (PolicyLoss.ReferenceLogProbs, input.Reference),
            (PolicyLoss.Advantages, input.Advantages),
            (PolicyLoss.Weights, input.Weights),
            (PolicyLoss.EntropyWeights, input.EntropyWeights),
            (PolicyLoss.KlWeights, input.KlWeights),
            (PolicyLoss.Lots, input.Lots ?? [.. Enumerable.Range(0, count).Select(i => (float)i)]),
            (PolicyLoss.Corrections, input.Corrections),
            (PolicyLoss.Moved, input.Moved ?? [.. Enumerable.Repeat(1f, count)]),
        })
            if (session.InputNames.Contains(name))
                binding.Input(
                    name,
                    data ?? throw new ArgumentException($"The objective reads {name}, which is not given.", nameof(input)),
                    count);
        if (session.InputNames.Contains(PolicyLoss.Membership))
        {
            var members = new float[input.Rows * count];
            for (var i = 0; i < count; i++)
                members[(i / width * count) + i] = input.Mask[i];
            binding.Input(PolicyLoss.Membership, members, input.Rows, count);
        }
        if (session.InputNames.Contains(PolicyLoss.SequenceOfToken))
            binding.Input(PolicyLoss.SequenceOfToken, [.. Enumerable.Range(0, count).Select(i => (long)(i / width))], count);
        var (total, each, slope) = (new float[1], new float[count], new float[count]);
        binding.Output("loss", total);
        binding.Output("per_token", each, count);
        binding.Output("gradient", slope, count);
        binding.Run();
        return new(total[0], [.. each], [.. slope]);
    }

    /// <summary>Runs a function of one input, element by element, and the gradient of its sum.</summary>
    /// <param name="x">The input [R].</param>
    /// <param name="function">Writes the result [R] or a scalar.</param>
    /// <param name="others">Further inputs [R] by name.</param>
    public static (double[] Values, double[] Gradient) Function(
        float[] x,
        Func<OpBuilder, Value, Value> function,
        params (string Name, float[] Data)[] others)
    {
        var graph = new Graph("function");
        var op = new OpBuilder(graph);
        var value = graph.Input("x", ElementType.Float32, x.Length);
        foreach (var (name, data) in others)
            graph.Input(name, ElementType.Float32, data.Length);
        var y = function(op, value);
        var sum = y.Rank == 0 ? y : op.ReduceSum(y, keepDims: false, 0);
        graph.Output(op.Named("y", y));
        graph.Output(op.Named("gradient", Differentiator.Backward(op, sum, seedGradient: null, [value])[value]));
        graph.Prune(alsoInputs: _ => true);
        using var session = new OrtSession(graph, threads: 1);
        using var binding = session.Bind();
        foreach (var (name, data) in others.Append(("x", x)))
            if (session.InputNames.Contains(name))
                binding.Input(name, data, data.Length);
        var (values, gradient) = (new float[y.Rank == 0 ? 1 : x.Length], new float[x.Length]);
        if (y.Rank == 0)
            binding.Output("y", values);
        else
            binding.Output("y", values, x.Length);
        binding.Output("gradient", gradient, x.Length);
        binding.Run();
        return ([.. values.Select(v => (double)v)], [.. gradient.Select(v => (double)v)]);
    }
}
