using G2RL.Onnx.Execution;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda;

/// <summary>How a <see cref="CudaBackend"/> computes.</summary>
public sealed record CudaSettings
{
    /// <summary>
    /// Type of products and of the weights that they read: Float32, Float16 or BFloat16. Master weights, gradients and moments are float32
    /// always.
    /// </summary>
    public ElementType Precision { get; init; } = ElementType.Float32;

    /// <summary>
    /// How the decode graph reads its cache; null leaves it to the precision, since CUDA has GroupQueryAttention in the narrow types only.
    /// </summary>
    public CacheAttention? CacheAttention { get; init; }

    /// <summary>Positions by which the rows of a cache grow that does not hold all rows at their full length, >= 1.</summary>
    public int CacheBlock { get; init; } = CacheMemory.UsualBlock;

    /// <summary>Whether decode steps of the serving graph are captured as CUDA graphs, one for each number of rows.</summary>
    public bool Captures { get; init; }

    /// <summary>
    /// The most that ONNX Runtime may hold for the intermediate results of one graph, bytes; 0 is what this run does not hold itself when
    /// the graph is opened.
    /// </summary>
    public long ArenaLimit { get; init; }

    /// <summary>Whether the policy is updated here: room for its gradients, moments and activations is then left.</summary>
    public bool Updates { get; init; } = true;

    /// <summary>
    /// Whose operators score: ours (Fused) for attention, as in training with <c>execution.kernels=fused</c>, else ONNX Runtime's. The
    /// optimizer asks the configuration.
    /// </summary>
    public KernelChoice Kernels { get; init; }

    /// <summary>How sequences lie where they are scored, likewise.</summary>
    public Packing Packing { get; init; }

    /// <summary>Told what deserves a word.</summary>
    public Action<string>? Warning { get; init; }

    internal CacheAttention Attention => CacheAttention ?? (IsNarrow ? Models.CacheAttention.Grouped : Models.CacheAttention.Plain);

    internal bool IsNarrow => Precision != ElementType.Float32;

    /// <summary>Type of cached keys and values.</summary>
    internal ElementType CacheType => Attention == Models.CacheAttention.Grouped ? Precision : ElementType.Float32;
}
