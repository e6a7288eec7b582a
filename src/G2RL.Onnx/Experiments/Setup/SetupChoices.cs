namespace G2RL.Onnx.Experiments.Setup;

/// <summary>What a user says of a run to be set up; what is null is chosen from the model and the data.</summary>
public sealed record SetupChoices
{
    /// <summary>Hugging Face folder of the model.</summary>
    public required string Model { get; init; }

    /// <summary>File of problems with answers; null takes the generated arithmetic problems.</summary>
    public string? Data { get; init; }

    /// <summary>File of held-out problems; null holds a tenth of the others out, of fewer than 200 a fifth.</summary>
    public string? HeldOut { get; init; }

    /// <summary>A name of <c>AlgorithmTable</c>.</summary>
    public string Algorithm { get; init; } = "g2rl";

    /// <summary>Whether prompts go through the chat template; null asks the model whether it has one.</summary>
    public bool? Chat { get; init; }

    /// <summary>Steps.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>Longest response, tokens.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Peak learning rate.</summary>
    public double? LearningRate { get; init; }

    /// <summary>Last part of the run folders' names.</summary>
    public string Name { get; init; } = "run";
}
