using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Checkpoints.Adapters;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Training;

/// <summary>A policy with the adapters that a configuration asks for.</summary>
public static class RunAdapter
{
    /// <summary>Loads a configuration's model and its adapters for the sequences that the configuration allows.</summary>
    /// <exception cref="InputException">As for the other overloads.</exception>
    public static Policy Load(RunConfig config)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(config.Model, config.AllowUnknownConfig);
        return Load(config, checkpoint.Spec, config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens);
    }

    /// <summary>A model with the adapters and the storage that a configuration asks for; no weights are read.</summary>
    /// <exception cref="InputException">A target that the model does not have, or a folder that does not fit it.</exception>
    public static DecoderSpec Applied(RunConfig config, DecoderSpec spec)
    {
        if (config.Adapter.Type == AdapterKind.None)
            return spec;
        if (config.Adapter.Path.Length == 0)
            return spec with { Adapter = New(config.Adapter, spec), Storage = config.Adapter.Base };
        using var peft = PeftFolder.Open(config.Adapter.Path, spec);
        return spec with { Adapter = peft.Adapter, Storage = config.Adapter.Base };
    }

    /// <summary>Loads the model and its adapters: new ones from the run's seed, or those of a folder.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="spec">The model, as its config.json describes it.</param>
    /// <param name="positions">The longest sequence to be run, tokens.</param>
    /// <exception cref="InputException">A target that the model does not have, or a folder that does not fit it.</exception>
    public static Policy Load(RunConfig config, DecoderSpec spec, int positions) =>
        Load(config.Adapter, config.Model, spec, positions, config.Seed, config.AllowUnknownConfig);

    /// <summary>Likewise, of settings of adapters alone.</summary>
    internal static Policy Load(
        AdapterConfig a,
        string model,
        DecoderSpec spec,
        int positions,
        ulong seed,
        bool allowUnknownConfig = false)
    {
        if (a.Type == AdapterKind.None)
            return Policy.Load(model, positions, allowUnknownConfig: allowUnknownConfig);
        if (a.Path.Length > 0)
            return Load(model, positions, spec, a.Path, allowUnknownConfig, a.Base);
        return Policy.Load(model, positions, Fresh(New(a, spec), a.Base, seed), allowUnknownConfig);
    }

    /// <summary>A model with the adapters of a folder in PEFT's layout.</summary>
    /// <param name="model">Hugging Face folder.</param>
    /// <param name="positions">The longest sequence to be run, tokens.</param>
    /// <param name="spec">The model, as its config.json describes it.</param>
    /// <param name="folder">The adapters.</param>
    /// <param name="allowUnknownConfig">Whether keys of config.json that nobody knows are passed over.</param>
    /// <param name="storage">How the frozen projections are held.</param>
    public static Policy Load(
        string model,
        int positions,
        DecoderSpec spec,
        string folder,
        bool allowUnknownConfig = false,
        WeightStorage storage = WeightStorage.Float32)
    {
        using var peft = PeftFolder.Open(folder, spec);
        return Policy.Load(model, positions, new PolicyAdapter(peft.Adapter, storage, peft.ReadParameter), allowUnknownConfig);
    }

    /// <summary>Writes a policy's adapters in PEFT's layout.</summary>
    /// <exception cref="InputException">The policy has none, or the folder exists or cannot be written.</exception>
    public static void Write(string folder, Policy policy, string model)
    {
        if (policy.Spec.Adapter is null)
            throw new InputException($"{folder} would hold adapters; this policy has none (adapter.type is none).");
        var weights = policy.Trainable.ToDictionary(p => p.Name, StringComparer.Ordinal);
        PeftFolder.Write(folder, policy.Spec, name => weights[name].Buffer.Span, model);
    }

    /// <summary>
    /// Adapters that do nothing yet: B zero, A uniform in +- 1 / sqrt(in), each matrix from a stream of its own that follows from the seed
    /// and the matrix's name.
    /// </summary>
    /// <param name="adapter">Rank, scale, targets.</param>
    /// <param name="storage">How the frozen projections are held.</param>
    /// <param name="seed">The run's seed.</param>
    /// <remarks>
    /// Source of the distribution: PEFT's default, kaiming_uniform_ with a = sqrt(5), whose bound sqrt(6 / ((1 + a^2) in)) is 1 / sqrt(in).
    /// </remarks>
    internal static PolicyAdapter Fresh(AdapterSpec adapter, WeightStorage storage, ulong seed)
    {
        var own = Seeds.Derive(seed, Seeds.Purpose.Adapter);
        return new(adapter, storage, (p, span) =>
        {
            if (p.Name.EndsWith(AdapterSpec.UpSuffix, StringComparison.Ordinal))
            {
                span.Clear();
                return;
            }
            // A matrix keeps its numbers when other modules get adapters, too.
            var stream = p.Name.Aggregate(2166136261u, (hash, c) => unchecked((hash ^ c) * 16777619u));
            var bound = 1 / Math.Sqrt(p.Shape[1]);
            for (var i = 0; i < span.Length; i++)
                span[i] = (float)(((2 * Seeds.Uniform(own, 0, 0, unchecked((int)stream), i)) - 1) * bound);
        });
    }

    private static AdapterSpec New(AdapterConfig a, DecoderSpec spec)
    {
        var adapter = new AdapterSpec { Rank = a.Rank, Alpha = a.Alpha, RankStabilized = a.RsLora, Targets = a.Targets };
        adapter.Validate(spec, "adapter");
        return adapter;
    }
}
