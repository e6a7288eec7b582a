namespace G2RL.Onnx.Cuda.Memory;

/// <summary>Device memory that ONNX Runtime keeps for the intermediate results of one session.</summary>
/// <param name="Name">The graph's name.</param>
/// <param name="Bytes">What it holds now.</param>
internal sealed record HeldArena(string Name, Func<long> Bytes);
