using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training.Optimizers;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cluster.Workers;

/// <summary>Makes this process' passport.</summary>
internal static class Passports
{
    private static readonly Lazy<Passport> Made = new(Make);

    /// <summary>This process'; made once.</summary>
    public static Passport Here => Made.Value;

    /// <summary>
    /// The same, its probe by an earlier process of the same program on the same processor where there was one: a trainer whose rollouts
    /// are drawn by others need not draw for it first.
    /// </summary>
    public static Passport Remembered => Made.IsValueCreated || ProbeMemory.Identity() is not { } identity
        ? Made.Value
        : With(ProbeMemory.Of(ProbeMemory.Folder, $"{With("")} {identity}", () => Made.Value.Probe));

    private static Passport Make() => With(Probe());

    private static Passport With(string probe) => new(
        string.Join(' ', new[] { typeof(DecoderSpec), typeof(Policy), typeof(Passport) }
            .Select(t => t.Assembly.ManifestModule.ModuleVersionId.ToString("N")[..8])),
        $"onnxruntime {OrtEnv.Instance().GetVersionString()}, .NET {Environment.Version}",
        $"{RuntimeInformation.ProcessArchitecture} {string.Join('+', Extensions())}",
        probe);

    private static IEnumerable<string> Extensions()
    {
        foreach (var (name, has) in new[]
        {
            ("avx2", Avx2.IsSupported), ("fma", Fma.IsSupported), ("avx512f", Avx512F.IsSupported), ("avx512bw", Avx512BW.IsSupported),
            ("avx512vbmi", Avx512Vbmi.IsSupported), ("avxvnni", AvxVnni.IsSupported),
            ("advsimd", System.Runtime.Intrinsics.Arm.AdvSimd.IsSupported),
        })
            if (has)
                yield return name;
    }

    // Prefill, decode, scoring, features and a gradient of a made-up model whose sizes are no multiples of a vector's, by ONNX Runtime's
    // operators and, where this process has them, by ours; training batches packed as a run with those operators packs them.
    private static string Probe()
    {
        var spec = new DecoderSpec
        {
            Architecture = "Qwen3ForCausalLM",
            ModelType = "qwen3",
            VocabularySize = 509,
            HiddenSize = 96,
            IntermediateSize = 212,
            Layers = 2,
            Heads = 6,
            KeyValueHeads = 2,
            HeadDimension = 16,
            NormEpsilon = 1e-6,
            MaxPositions = 64,
            Rope = new RopeSpec { Theta = 10000 },
            TieEmbeddings = true,
            QueryKeyNorm = true,
            EosTokens = [],
        };
        var index = 0;
        using var policy = Policy.Create(spec, 64, (p, w) =>
        {
            Seeds.Normal(11, index++, w);
            for (var i = 0; i < w.Length; i++)
                w[i] = p.Shape.Length == 1 ? 1 + (0.1f * w[i]) : 0.2f * w[i];
        });
        var hash = new XxHash128();
        Add(hash, policy, KernelChoice.Standard);
        if (KernelChoice.Auto.Here() == GraphKernels.Fused)
            Add(hash, policy, KernelChoice.Fused);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Add(XxHash128 hash, Policy policy, KernelChoice kernels)
    {
        var sequences = new List<Sequence>();
        using (var sampler = new StreamingSampler(policy, new SamplerSettings { MaxNewTokens = 24, Kernels = kernels }))
            for (var sample = 0; sample < 3; sample++)
            {
                int[] prompt = [.. Enumerable.Range(5, 7 + (3 * sample))];
                var drawn = sampler.Draw(prompt, seed: 17, sample).ToArray();
                foreach (var token in drawn)
                    hash.Append(MemoryMarshal.AsBytes([token.LogProb, token.Entropy]));
                sequences.Add(new(prompt, [.. drawn.Select(t => t.Token)]));
            }
        using var scorer = new Scorer(policy.Spec, threads: 1, kernels);
        using var projector = new FeatureProjector(policy.Spec, threads: 1);
        var scores = scorer.ScoreBatch(policy, sequences, new(Temperature: 1, MaxTokens: int.MaxValue) { WithFeatures = true });
        foreach (var values in scores.Select(s => s.LogProbs).Concat(projector.Project(policy, [.. scores.Select(s => s.FeatureWeights!)])))
            hash.Append(MemoryMarshal.AsBytes(values.AsSpan()));
        var run = new RunConfig { Execution = new() { Kernels = kernels } };
        using var gradients = PolicyOptimizers.Accumulator(policy, run, threads: 1);
        var micro = new Microbatch(BatchPlan.Batch(sequences, gradients.Packs));
        micro.Weights.AsSpan().Fill(0.01f);
        micro.Advantages.AsSpan().Fill(1);
        gradients.Add(micro);
        foreach (var gradient in gradients.Gradients)
            hash.Append(MemoryMarshal.AsBytes(gradient.Buffer.Span));
    }
}
