using G2RL.Onnx.Algorithms.Novelty;

namespace G2RL.Onnx.Cuda.Kernels;

/// <summary>novelty.ptx: norms, cosines and exploration scores of groups.</summary>
internal sealed class NoveltyKernels(KernelCache kernels)
{
    private const int PairsOfBlock = LaunchShape.Threads / 32;

    /// <summary>1 / (norm + eps) of each row, in double; NaN where a norm is not finite.</summary>
    /// <param name="features">float [rows, width]</param>
    /// <param name="rows">Rows.</param>
    /// <param name="width">D</param>
    /// <param name="inverse">Receives double [rows].</param>
    public void InverseNorms(nint features, int rows, int width, nint inverse) =>
        kernels.Launch("novelty", "inverse_norms", (rows, 1, 1), LaunchShape.Threads, features, width, ExplorationScore.Epsilon, inverse);

    /// <summary>Cosines double [m, m] of one group.</summary>
    public void Gram(nint features, nint inverse, int members, int width, nint cosines) =>
        kernels.Launch("novelty", "gram", (((members * members) + PairsOfBlock - 1) / PairsOfBlock, 1, 1), LaunchShape.Threads, features,
            inverse, members, width, cosines);

    /// <summary>nu and nu scaled to [0, 1], double [m] each, of one group.</summary>
    public void Scores(nint cosines, nint rewards, int members, nint novelty, nint normalized) =>
        kernels.Launch("novelty", "exploration_scores", (1, 1, 1), LaunchShape.ThreadsFor(members), cosines, rewards, members, novelty,
            normalized);
}
