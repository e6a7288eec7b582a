namespace G2RL.Onnx.Cluster.Contracts;

/// <summary>The run that a piece of work belongs to: enough to load its model.</summary>
/// <param name="Key">Identity of the other two.</param>
/// <param name="Config">The run's configuration, JSON.</param>
/// <param name="Origin">Identity of the weights that the model's folder holds, adapters included.</param>
/// <param name="ThreadsEach">Threads inside the trainer's operators, on which bits of a large model depend; 0 where any will do.</param>
[GenerateSerializer, Immutable]
public sealed record RunCard(
    [property: Id(0)] string Key,
    [property: Id(1)] string Config,
    [property: Id(2)] string Origin,
    [property: Id(3)] int ThreadsEach);

/// <summary>The weights that a piece of work is done with; a worker that holds others fetches these first.</summary>
/// <param name="Shelf">Address of the member that has them.</param>
/// <param name="Counter">Optimizer steps behind them.</param>
/// <param name="Content">Their hash.</param>
/// <param name="Length">Their bytes.</param>
/// <param name="File">The file that holds them; empty where they are asked of the shelf.</param>
/// <param name="IsDrawing">Whether they only draw: a copy beside the weights that are trained, rounded or of steps before.</param>
/// <param name="Deltas">Differences between versions that were lent one after the other.</param>
[GenerateSerializer, Immutable]
public sealed record WeightsCard(
    [property: Id(0)] string Shelf,
    [property: Id(1)] long Counter,
    [property: Id(2)] string Content,
    [property: Id(3)] long Length,
    [property: Id(4)] string File,
    [property: Id(5)] bool IsDrawing,
    [property: Id(6)] DeltaCard[] Deltas);

/// <summary>A difference between two versions, which leads from either to the other.</summary>
/// <param name="Base">Hash of the earlier one.</param>
/// <param name="Content">Hash of the later one.</param>
/// <param name="Bytes">Its bytes.</param>
[GenerateSerializer, Immutable]
public sealed record DeltaCard([property: Id(0)] string Base, [property: Id(1)] string Content, [property: Id(2)] long Bytes);

/// <summary>Some groups of a draw.</summary>
/// <param name="Run">The run.</param>
/// <param name="Weights">The weights.</param>
/// <param name="Sampler">How to draw, JSON.</param>
/// <param name="Seed">Seed of the draw.</param>
/// <param name="Step">Its step.</param>
/// <param name="Samples">Rollouts of each prompt.</param>
/// <param name="WithFeatures">Whether features come with them.</param>
/// <param name="Indices">The prompts' numbers in the draw.</param>
/// <param name="Prompts">Their tokens.</param>
[GenerateSerializer, Immutable]
public sealed record DrawPiece(
    [property: Id(0)] RunCard Run,
    [property: Id(1)] WeightsCard Weights,
    [property: Id(2)] string Sampler,
    [property: Id(3)] ulong Seed,
    [property: Id(4)] int Step,
    [property: Id(5)] int Samples,
    [property: Id(6)] bool WithFeatures,
    [property: Id(7)] int[] Indices,
    [property: Id(8)] int[][] Prompts);

/// <summary>One batch to score, as the trainer would.</summary>
/// <param name="Run">The run.</param>
/// <param name="Weights">The weights; of the reference policy only what they must be.</param>
/// <param name="IsReference">Whether the reference policy scores.</param>
/// <param name="Temperature">> 0</param>
/// <param name="WithFeatures">Whether features come with them.</param>
/// <param name="WithMeanHidden">Whether mean hidden states do.</param>
/// <param name="Prompts">Tokens of the prompts.</param>
/// <param name="Responses">Tokens of the responses.</param>
[GenerateSerializer, Immutable]
public sealed record ScorePiece(
    [property: Id(0)] RunCard Run,
    [property: Id(1)] WeightsCard Weights,
    [property: Id(2)] bool IsReference,
    [property: Id(3)] double Temperature,
    [property: Id(4)] bool WithFeatures,
    [property: Id(5)] bool WithMeanHidden,
    [property: Id(6)] int[][] Prompts,
    [property: Id(7)] int[][] Responses);
