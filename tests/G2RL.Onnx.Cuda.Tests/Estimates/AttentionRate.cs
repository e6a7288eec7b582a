namespace G2RL.Onnx.Cuda.Tests.Estimates;

/// <summary>
/// What one product of a tensor core (16 x 16 x 8) costs beside itself, as the interpreter counts it on a row of 1,024 tokens
/// (AttentionCostTests, which holds these to the kernels); and the share of a GPU's peak that is made of that.
/// </summary>
/// <param name="Instructions">Of a warp, the product included, moves between registers left out.</param>
/// <param name="SharedBytes">To and from shared memory.</param>
/// <param name="DeviceBytes">To and from device memory, most of them by the second-level cache.</param>
/// <param name="Exponentials">Of a warp.</param>
internal sealed record AttentionRate(double Instructions, double SharedBytes, double DeviceBytes, double Exponentials)
{
    public static AttentionRate Forward { get; } = new(4.08, 198, 43.7, 0.252);

    public static AttentionRate Keys { get; } = new(4.42, 324, 25.6, 0.125);

    public static AttentionRate Queries { get; } = new(4.45, 279, 34.3, 0.167);

    /// <summary>
    /// Clocks of a multiprocessor that each of its parts is busy, added up. At the data sheet's rate a product takes one; mma.sync, which
    /// these kernels use, reaches two thirds of it on Hopper.
    /// </summary>
    public double Clocks => 1.5 + (Instructions / 4) + (SharedBytes / 128) + (DeviceBytes / 24) + (2 * Exponentials);

    /// <summary>
    /// Share of the data sheet's rate. Parts overlap, more or less; how much, one published figure says: FlashAttention-2, whose forward
    /// pass ours is by tiles, copies and instructions, reaches 35 % on an H100 (Shah et al., FlashAttention-3, arXiv:2407.08608), and
    /// other kernels are taken to overlap as much.
    /// </summary>
    public double Share => 0.35 * Forward.Clocks / Clocks;
}
