namespace G2RL.Onnx.Models;

/// <summary>One weight of a model.</summary>
/// <param name="Name">Hugging Face's name, as it stands in a checkpoint: "model.layers.3.mlp.up_proj.weight".</param>
/// <param name="Shape">Sizes, Hugging Face's layout: [out, in] for matrices, [size] for norms and biases.</param>
/// <param name="ShapeInWords">The keys of config.json behind the sizes: "intermediate_size x hidden_size".</param>
public sealed record ParameterSpec(string Name, long[] Shape, string ShapeInWords)
{
    /// <summary>How it is held in memory.</summary>
    public WeightStorage Storage { get; init; }

    /// <summary>Whether it belongs to an adapter, not to the model's own weights.</summary>
    public bool IsAdapter { get; init; }

    /// <summary>How many numbers it holds.</summary>
    public long Count => Shape.Aggregate(1L, (product, size) => checked(product * size));
}
