using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Models;

/// <summary>
/// How the frozen projections of the layers are held in memory. Embeddings, the LM head, norms and biases stay in float32: the head is read
/// whole at every step, so that a narrow copy would stand beside a wide one.
/// </summary>
public enum WeightStorage
{
    /// <summary>As they are computed with.</summary>
    Float32,

    /// <summary>Upper half of float32, rounded to nearest; widened by Cast whenever a product reads them.</summary>
    BFloat16,

    /// <summary>
    /// 8 bits with a float32 scale for each <see cref="WeightStorages.Block"/> numbers of a row, widened by DequantizeLinear: about 9 bits
    /// a weight.
    /// </summary>
    Int8,
}

/// <summary>Facts about <see cref="WeightStorage"/>.</summary>
public static class WeightStorages
{
    /// <summary>Numbers that share a scale; a row that is no multiple of it has one scale.</summary>
    public const int Block = 32;

    /// <summary>Suffix of the input that holds the scales of a matrix in 8 bits.</summary>
    public const string ScaleSuffix = ".scale";

    /// <summary>Numbers of a row that share a scale.</summary>
    /// <param name="width">Numbers of a row.</param>
    public static long BlockOf(long width) => width % Block == 0 ? Block : width;

    /// <summary>The type of the stored numbers.</summary>
    public static ElementType Type(this WeightStorage storage) => storage switch
    {
        WeightStorage.BFloat16 => ElementType.BFloat16,
        WeightStorage.Int8 => ElementType.Int8,
        _ => ElementType.Float32,
    };

    /// <summary>Bytes that a parameter takes, scales included.</summary>
    public static long BytesOf(ParameterSpec parameter) => (parameter.Count * parameter.Storage.Type().Size())
        + (parameter.Storage == WeightStorage.Int8 ? parameter.Count / BlockOf(parameter.Shape[^1]) * sizeof(float) : 0);

    /// <summary>Declares a parameter as an input of a graph, and its scales where it has them.</summary>
    internal static void Declare(Graph graph, ParameterSpec parameter)
    {
        graph.Input(parameter.Name, parameter.Storage.Type(), [.. parameter.Shape.Select(d => (Dimension)d)]);
        if (parameter.Storage == WeightStorage.Int8)
            graph.Input(
                parameter.Name + ScaleSuffix,
                ElementType.Float32,
                parameter.Shape[0],
                parameter.Shape[1] / BlockOf(parameter.Shape[1]));
    }

    /// <summary>A declared parameter in float32.</summary>
    /// <param name="op">Writes the nodes.</param>
    /// <param name="name">Its name.</param>
    /// <param name="after">The product's other operand.</param>
    internal static Value Widened(OpBuilder op, string name, Value after)
    {
        var stored = op.Graph[name];
        return stored.Type == ElementType.Float32
            ? stored
            : Widening.Of(op, stored, stored.Type == ElementType.Int8 ? op.Graph[name + ScaleSuffix] : null, after);
    }
}
