using Orleans.Concurrency;

namespace G2RL.Onnx.Cluster.Contracts;

/// <summary>A worker: one a member, its key the member's address. It does its pieces one behind the other.</summary>
public interface IWorkerGrain : IGrainWithStringKey
{
    /// <summary>Tells what this worker's bits depend on.</summary>
    [AlwaysInterleave]
    Task<Passport> Meet();

    /// <summary>Loads a run's model and works a little with it, so that the first piece does not wait for that.</summary>
    /// <param name="run">The run; without key and origin where only its configuration is known yet.</param>
    /// <param name="samplers">How it draws, JSON.</param>
    /// <param name="share">What else it may be asked for: scores, gradients.</param>
    /// <param name="cancel">Cancels it while it waits.</param>
    /// <returns>Why this worker cannot work for it; null where it can.</returns>
    [AlwaysInterleave, ResponseTimeout("1.00:00:00")]
    Task<Fault?> Prepare(RunCard run, string[] samplers, string[] share, CancellationToken cancel);

    /// <summary>Draws some groups.</summary>
    [AlwaysInterleave, ResponseTimeout("1.00:00:00")]
    Task<DrawReply> Draw(DrawPiece piece, CancellationToken cancel);

    /// <summary>Scores a batch.</summary>
    [AlwaysInterleave, ResponseTimeout("1.00:00:00")]
    Task<ScoreReply> Score(ScorePiece piece, CancellationToken cancel);

    /// <summary>Sums the gradients of a shard; the sum is then read by <see cref="ReadSum"/>.</summary>
    [AlwaysInterleave, ResponseTimeout("1.00:00:00")]
    Task<GradientReply> Gradient(GradientPiece piece, CancellationToken cancel);

    /// <summary>Bytes of a sum that lies here.</summary>
    /// <param name="sum">Its name.</param>
    /// <param name="part">Which of its parts of <see cref="GradientReply.PartBytes"/>.</param>
    [AlwaysInterleave]
    Task<byte[]> ReadSum(string sum, int part);

    /// <summary>A sum was read, or is not wanted any more.</summary>
    [AlwaysInterleave, OneWay]
    Task ForgetSum(string sum);

    /// <summary>Trains a run of an experiment into its folder, which trainer and worker share.</summary>
    /// <param name="output">The experiment's folder.</param>
    /// <param name="cell">Folder of the run within it.</param>
    /// <param name="cancel">Cancels; the run is saved.</param>
    /// <returns>Why it did not end; null where it did.</returns>
    /// <remarks>Orleans drops, without a word, a message whose limit in milliseconds is beyond 2^31, which is 24 days.</remarks>
    [ResponseTimeout("20.00:00:00")]
    Task<Fault?> RunCell(string output, string cell, CancellationToken cancel);
}

/// <summary>The weights that a trainer lends, read in pieces.</summary>
public interface IShelfGrain : IGrainWithStringKey
{
    /// <summary>Bytes of a version.</summary>
    /// <param name="content">Its hash.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="count">How many.</param>
    [AlwaysInterleave]
    Task<byte[]> Read(string content, long offset, int count);

    /// <summary>A part of a difference between two versions.</summary>
    /// <param name="from">Hash of the earlier version.</param>
    /// <param name="to">Hash of the later version.</param>
    /// <param name="part">Number of the part.</param>
    [AlwaysInterleave]
    Task<byte[]> ReadDelta(string from, string to, int part);
}
