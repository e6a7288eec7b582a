namespace G2RL.Onnx.Cuda;

/// <summary>
/// The kernels queued since the host last waited without an error. A device tells of a fault only where somebody waits, so these are the
/// ones that it may be in.
/// </summary>
internal sealed class LaunchTrail
{
    // Names in a message; a step of decoding launches fewer.
    private const int Longest = 12;

    private readonly Dictionary<string, int> launches = new(StringComparer.Ordinal);
    private readonly List<string> order = [];

    /// <summary>A kernel was queued.</summary>
    public void Add(string kernel)
    {
        if (!launches.TryAdd(kernel, 1))
        {
            launches[kernel]++;
            order.Remove(kernel);
        }
        order.Add(kernel);
    }

    /// <summary>All that was queued has ended well.</summary>
    public void Clear()
    {
        launches.Clear();
        order.Clear();
    }

    /// <summary>
    /// The sentence that names them, the last one first; that there were none where ONNX Runtime's nodes alone can be meant.
    /// </summary>
    public string Describe() => order.Count == 0
        ? "None of our kernels was queued since the last wait that ended well: it is in a node of ONNX Runtime"
        : $"Queued since the last wait that ended well, the last one first: {string.Join(", ", Names())}; it is in one of these or in a "
            + "node of ONNX Runtime between them. With CUDA_LAUNCH_BLOCKING=1 in the environment the next message names the very one";

    private IEnumerable<string> Names() =>
        order.AsEnumerable().Reverse().Take(Longest).Select(k => launches[k] == 1 ? k : $"{k} ({launches[k]} times)")
            .Concat(order.Count > Longest ? [$"{order.Count - Longest} more"] : []);
}
