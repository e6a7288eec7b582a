using System.Text.Json.Serialization;

namespace G2RL.Onnx.Execution;

/// <summary>Where it runs.</summary>
public sealed record ExecutionConfig
{
    /// <summary>The host's name in <see cref="Device"/>.</summary>
    public const string Cpu = "cpu";

    /// <summary>Names that <see cref="Gradients"/> may have.</summary>
    internal static readonly string[] Optimizers = ["graph", "ortTraining"];

    /// <summary>Who computes: cpu, or cuda:N for the GPU of that index (needs the cuda flavour).</summary>
    public string Device { get; init; } = Cpu;

    /// <summary>
    /// GPUs of this machine that work together, for example [cuda:0, cuda:1]: all hold the weights, draw rollouts and score, the first
    /// one updates. Empty means the one of <c>execution.device</c>, which otherwise must be the first of them or left alone.
    /// </summary>
    public IReadOnlyList<string> Devices { get; init; } = [];

    /// <summary>The device that updates: the first of <see cref="Devices"/>, or <see cref="Device"/>.</summary>
    [JsonIgnore]
    public string Lead => Devices.Count > 0 ? Devices[0] : Device;

    /// <summary>Type of products on a GPU: float32, float16 or bfloat16; master weights, gradients and moments stay in float32.</summary>
    public string Precision { get; init; } = "float32";

    /// <summary>
    /// Whether decode steps are captured as CUDA graphs on a GPU, one for each number of rows: a launch a step instead of one a node. Needs
    /// a narrow precision and an architecture with a serving graph; a model without one is launched node by node.
    /// </summary>
    public bool CudaGraphs { get; init; }

    /// <summary>
    /// The most that ONNX Runtime may hold on a GPU for the intermediate results of one graph, MiB; 0 means what the run does not hold
    /// itself when the graph is opened.
    /// </summary>
    public int ArenaLimitMiB { get; init; }

    /// <summary>Threads; 0 means every core.</summary>
    public int Threads { get; init; }

    /// <summary>
    /// Who computes gradients and updates weights: graph (our train graph on stock ONNX Runtime) or ortTraining (its training API; needs
    /// the training flavour).
    /// </summary>
    public string Gradients { get; init; } = "graph";

    /// <summary>
    /// Whose operators score, train and decode on the CPU: ours (fused: faster, with less memory), ONNX Runtime's (standard), or ours
    /// where they run and, of decoding, where a model has more than 33.5 million weights (auto). Results differ by rounding. Exports and
    /// ortTraining always take the standard ones, and so do GPUs unless it is fused: attention of training and scoring then runs by
    /// kernels of ours that hold no shares and take packed rows (bfloat16, compute capability 8.0, heads up to 128).
    /// </summary>
    public KernelChoice Kernels { get; init; } = KernelChoice.Auto;
}
