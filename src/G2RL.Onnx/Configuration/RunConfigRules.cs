using System.Globalization;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Algorithms.Corrections;
using G2RL.Onnx.Configuration.Rules;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers.Jinja;

namespace G2RL.Onnx.Configuration;

/// <summary>The ranges of a <see cref="RunConfig"/>: every fault with its value, its rule and the way out.</summary>
public static class RunConfigRules
{
    /// <summary>All faults; empty when the configuration is sound.</summary>
    public static IReadOnlyList<string> Faults(RunConfig c)
    {
        var faults = new List<string>();
        void Rule(bool ok, string name, object value, string rule)
        {
            if (!ok)
                faults.Add($"{name} is {value}; {rule}");
        }
        // No count needs more, and products of counts stay far from overflow.
        void AtLeast(int value, int low, string name, int most = 1_000_000) =>
            Rule(value >= low && value <= most, name, value, value < low ? $"it must be at least {low}." : $"it must be at most {most}.");
        void Positive(double value, string name) =>
            Rule(value > 0 && double.IsFinite(value), name, value, "it must be above 0 and finite.");
        void NotNegative(double value, string name) =>
            Rule(value >= 0 && double.IsFinite(value), name, value, "it must be 0 or more and finite.");
        void Temperature(double value, string name, string wayOut) =>
            Rule(value is >= 1e-6 and <= 1e6, name, value, $"it must lie in [1e-6, 1e6]. {wayOut}".TrimEnd());
        void Share(double value, string name, bool zero, bool one) =>
            Rule(
                (value > 0 || (zero && value == 0)) && (value < 1 || (one && value == 1)),
                name,
                value,
                $"it must lie in {(zero ? "[" : "(")}0, 1{(one ? "]" : ")")}.");

        Rule(c.Name.Length is > 0 and <= 100 && c.Name.All(ch => char.IsAsciiLetterOrDigit(ch) || ch is '-' or '_' or '.') && c.Name[0]
            != '.', "name", $"'{c.Name}'", "it is part of a folder's name: letters, digits, '-', '_' and '.', not starting with '.'.");
        AtLeast(c.Steps, 1, "steps");
        faults.AddRange(Rewards.RewardRules.Faults(c.Rewards, c.Sampling.MaxNewTokens));
        AtLeast(c.Sampling.PromptsPerStep, 1, "sampling.promptsPerStep", most: 10_000);
        Rule(c.Sampling.GroupSize >= 2, "sampling.groupSize", c.Sampling.GroupSize, "a group-relative advantage needs at least 2.");
        AtLeast(c.Sampling.MaxPromptTokens, 1, "sampling.maxPromptTokens");
        AtLeast(c.Sampling.MaxNewTokens, 1, "sampling.maxNewTokens");
        const string greedy = "For greedy evaluation set evaluation.greedy.";
        var wayOut = c.Sampling.Temperature == 0 ? $"Equal rollouts teach nothing. {greedy}" : "";
        Temperature(c.Sampling.Temperature, "sampling.temperature", wayOut);
        AtLeast(c.Sampling.TopK, 0, "sampling.topK");
        Share(c.Sampling.TopP, "sampling.topP", zero: false, one: true);
        Share(c.Sampling.MinP, "sampling.minP", zero: true, one: true);
        Rule(c.Sampling.GroupSize <= 10_000, "sampling.groupSize", c.Sampling.GroupSize, "it must be at most 10000.");
        Rule(
            c.Sampling.StopStrings.All(s => s is { Length: > 0 }),
            "sampling.stopStrings",
            "holding an empty text",
            "every text must have at least one character.");
        Rule(
            c.Sampling.StopTokens.All(s => s is { Length: > 0 }),
            "sampling.stopTokens",
            "holding an empty text",
            "every token must have at least one character.");
        Rule(c.Model.Length > 0, "model", "empty", "it must be the folder of a model.");
        Rule(c.Output.Length > 0, "output", "empty", "it must be a folder.");
        AtLeast(c.Sampling.MaxRows, 2, "sampling.maxRows");
        AtLeast(c.Sampling.CacheBudgetMiB, 0, "sampling.cacheBudgetMiB");
        NotNegative(c.Algorithm.Lambda, "algorithm.lambda");
        Positive(c.Algorithm.RewardClip, "algorithm.rewardClip");
        Share(c.Algorithm.ClipLow, "algorithm.clipLow", zero: true, one: false);
        NotNegative(c.Algorithm.ClipHigh ?? 0, "algorithm.clipHigh");
        NotNegative(c.Algorithm.KlCoefficient, "algorithm.klCoefficient");
        NotNegative(c.Algorithm.EntropyCoefficient ?? 0, "algorithm.entropyCoefficient");
        Positive(c.Algorithm.AdvantageEpsilon, "algorithm.advantageEpsilon");
        AtLeast(c.Algorithm.LastTokens, 1, "algorithm.lastTokens");
        Rule(
            c.Algorithm.PassAtK >= 1 && (c.Algorithm.PassAtK <= c.Sampling.GroupSize || c.Algorithm.Name != "passk"),
            "algorithm.passAtK",
            c.Algorithm.PassAtK,
            $"it must be 1 to sampling.groupSize ({c.Sampling.GroupSize}).");
        Rule(c.Sampling.ResampleRounds is >= 0 and <= 100, "sampling.resampleRounds", c.Sampling.ResampleRounds, "it must be 0 to 100.");
        Rule(c.Sampling.Lag is >= 0 and <= 16, "sampling.lag", c.Sampling.Lag, "it must be 0 to 16.");
        Rule(
            c.Sampling.Lag == 0 || c.Execution.Device == ExecutionConfig.Cpu,
            "sampling.lag",
            c.Sampling.Lag,
            $"older weights are kept on the host, so with execution.device {c.Execution.Device} it must be 0.");
        Rule(
            c.Sampling.Weights == DrawnWeights.Float32 || c.Execution.Device == ExecutionConfig.Cpu,
            "sampling.weights",
            c.Sampling.Weights,
            $"they are rounded on the host; with execution.device {c.Execution.Device} execution.precision says how rollouts are drawn.");
        Rule(
            c.Sampling.CacheType == CacheType.Float32 || c.Execution.Lead == ExecutionConfig.Cpu,
            "sampling.cacheType",
            c.Sampling.CacheType,
            $"on {c.Execution.Lead} keys and values have the type of execution.precision, so it must be float32.");
        Rule(
            c.Sampling.CacheType == CacheType.Float32 || c.Execution.Kernels != KernelChoice.Standard,
            "sampling.cacheType",
            c.Sampling.CacheType,
            "it is read by operators of ours alone; with execution.kernels standard it must be float32.");
        Positive(c.Algorithm.TauPositive, "algorithm.tauPositive");
        Positive(c.Algorithm.TauNegative, "algorithm.tauNegative");
        NotNegative(c.Algorithm.Penalty, "algorithm.penalty");
        Share(c.Algorithm.CovarianceShare, "algorithm.covarianceShare", zero: false, one: true);
        Rule(
            double.IsFinite(c.Algorithm.CovarianceLow) && c.Algorithm.CovarianceHigh > c.Algorithm.CovarianceLow,
            "algorithm.covarianceHigh",
            c.Algorithm.CovarianceHigh,
            $"it must be above algorithm.covarianceLow ({c.Algorithm.CovarianceLow}), which is finite.");
        NotNegative(c.Algorithm.AlignmentWeight, "algorithm.alignmentWeight");
        NotNegative(c.Algorithm.AdaptiveEntropy.Target, "algorithm.adaptiveEntropy.target");
        Positive(c.Algorithm.AdaptiveEntropy.Delta, "algorithm.adaptiveEntropy.delta");
        AtLeast(c.Algorithm.StopAfter ?? 0, 0, "algorithm.stopAfter");
        NotNegative(c.Algorithm.Overlong.Factor, "algorithm.overlong.factor");
        Rule(
            c.Algorithm.Overlong.Kind == OverlongKind.None
                || (c.Algorithm.Overlong.Buffer >= 1 && c.Algorithm.Overlong.Buffer <= c.Sampling.MaxNewTokens),
            "algorithm.overlong.buffer",
            c.Algorithm.Overlong.Buffer,
            $"it must be 1 to sampling.maxNewTokens ({c.Sampling.MaxNewTokens}).");
        var correction = c.Algorithm.Correction;
        NotNegative(correction.Low, "algorithm.correction.low");
        Rule(
            correction.High > correction.Low && double.IsFinite(correction.High),
            "algorithm.correction.high",
            correction.High,
            $"it must be finite and above algorithm.correction.low ({correction.Low}).");
        Rule(
            correction.Rejection == "none" || Rejection.Options.Contains(correction.Rejection),
            "algorithm.correction.rejection",
            $"'{correction.Rejection}'",
            $"there are: none, {string.Join(", ", Rejection.Options)}.");
        Positive(correction.RejectionLow, "algorithm.correction.rejectionLow");
        Positive(correction.RejectionHigh, "algorithm.correction.rejectionHigh");
        NotNegative(correction.OffPolicyBound, "algorithm.correction.offPolicyBound");
        Share(correction.EntropyQuantile, "algorithm.correction.entropyQuantile", zero: true, one: false);
        faults.AddRange(AlgorithmChoice.Faults(c.Algorithm, c.Execution.Gradients));
        faults.AddRange(c.Adapter.Faults());
        faults.AddRange(c.Distribution.Faults());
        AtLeast(c.Training.EpochsPerBatch, 1, "training.epochsPerBatch", most: 1000);
        Rule(
            (long)c.Steps * c.Training.EpochsPerBatch * c.Training.MinibatchesPerBatch <= int.MaxValue,
            "steps x epochsPerBatch x minibatchesPerBatch",
            (long)c.Steps * c.Training.EpochsPerBatch * c.Training.MinibatchesPerBatch,
            $"it must be at most {int.MaxValue}.");
        Rule(
            c.Training.MinibatchesPerBatch >= 1 && c.Training.MinibatchesPerBatch <= c.Sampling.PromptsPerStep,
            "training.minibatchesPerBatch",
            c.Training.MinibatchesPerBatch,
            $"groups are never split, so it must be 1 to sampling.promptsPerStep ({c.Sampling.PromptsPerStep}).");
        AtLeast(c.Training.TokensPerMicrobatch, 0, "training.tokensPerMicrobatch", most: 100_000_000);
        AtLeast(c.Training.GradientShards, 1, "training.gradientShards", most: 1024);
        Positive(c.Training.LearningRate, "training.learningRate");
        Share(c.Training.Optimizer.Beta1, "training.optimizer.beta1", zero: true, one: false);
        Share(c.Training.Optimizer.Beta2, "training.optimizer.beta2", zero: true, one: false);
        Positive(c.Training.Optimizer.Epsilon, "training.optimizer.epsilon");
        NotNegative(c.Training.Optimizer.WeightDecay, "training.optimizer.weightDecay");
        NotNegative(c.Training.Optimizer.MaxGradientNorm, "training.optimizer.maxGradientNorm");
        AtLeast(c.Training.Schedule.WarmupSteps, 0, "training.schedule.warmupSteps");
        Share(c.Training.Schedule.FinalFraction, "training.schedule.finalFraction", zero: true, one: true);
        AtLeast(c.Training.CheckpointEvery, 1, "training.checkpointEvery");
        AtLeast(c.Training.KeepCheckpoints, 1, "training.keepCheckpoints");
        var passRate = c.Problems.PassRate;
        AtLeast(passRate.Window, 0, "problems.passRate.window");
        Rule(
            passRate.Low is >= 0 and < 1 && passRate.High > passRate.Low && passRate.High <= 1,
            "problems.passRate",
            $"{passRate.Low} to {passRate.High}",
            "low must lie in [0, 1) and high in (low, 1].");
        AtLeast(c.Evaluation.Every, 0, "evaluation.every");
        AtLeast(c.Evaluation.Problems, 1, "evaluation.problems");
        AtLeast(c.Evaluation.Samples, 1, "evaluation.samples", most: 10_000);
        AtLeast(c.Evaluation.Repeats, 1, "evaluation.repeats", most: 1000);
        for (var i = 0; i < c.Evaluation.Benchmarks.Count; i++)
        {
            var (benchmark, at) = (c.Evaluation.Benchmarks[i], $"evaluation.benchmarks[{i}]");
            var names = string.Join(", ", Problems.ProblemSets.Names);
            Rule(Problems.ProblemSets.Names.Contains(benchmark.Set), $"{at}.set", $"'{benchmark.Set}'", $"there are: {names}.");
            AtLeast(benchmark.Problems ?? 1, 1, $"{at}.problems");
            AtLeast(benchmark.Samples ?? 1, 1, $"{at}.samples", most: 10_000);
            Rule(
                c.Evaluation.Benchmarks.Count(b => b.Label == benchmark.Label) == 1,
                $"{at}.name",
                $"'{benchmark.Label}'",
                "every benchmark needs a name of its own.");
        }
        Rule(
            (long)c.Evaluation.Problems * c.Evaluation.Samples <= 100_000_000,
            "evaluation.problems x evaluation.samples",
            (long)c.Evaluation.Problems * c.Evaluation.Samples,
            "it must be at most 100,000,000.");
        if (c.Evaluation.Temperature != 0)
            Temperature(c.Evaluation.Temperature, "evaluation.temperature", greedy);
        Rule(
            c.Problems.Date.Length == 0 || TemplateDate.TryParse(c.Problems.Date, out _),
            "problems.date",
            $"'{c.Problems.Date}'",
            "it must be a date such as 2024-07-26, or one with a time such as 2024-07-26T12:00:00.");
        Share(c.Evaluation.TopP, "evaluation.topP", zero: false, one: true);
        Rule(
            c.Execution.Device == ExecutionConfig.Cpu || IsGpu(c.Execution.Device),
            "execution.device",
            $"'{c.Execution.Device}'",
            "it must be cpu, or cuda:N with the index of a GPU.");
        var devices = c.Execution.Devices;
        Rule(
            devices.All(IsGpu) && devices.Distinct(StringComparer.Ordinal).Count() == devices.Count,
            "execution.devices",
            $"[{string.Join(", ", devices)}]",
            "each must be cuda:N with the index of a GPU, named once.");
        var device = c.Execution.Lead;
        Rule(
            devices.Count == 0 || c.Execution.Device == ExecutionConfig.Cpu || c.Execution.Device == device,
            "execution.device",
            c.Execution.Device,
            $"with execution.devices it must be the first of them, {device}, or left alone.");
        Rule(
            c.Execution.Precision is "float32" or "float16" or "bfloat16",
            "execution.precision",
            $"'{c.Execution.Precision}'",
            "it must be float32, float16 or bfloat16.");
        Rule(
            device != ExecutionConfig.Cpu || c.Execution.Precision == "float32",
            "execution.precision",
            c.Execution.Precision,
            "on the CPU it must be float32.");
        AtLeast(c.Execution.ArenaLimitMiB, 0, "execution.arenaLimitMiB");
        Rule(
            device == ExecutionConfig.Cpu || c.Execution.Gradients == "graph",
            "execution.gradients",
            c.Execution.Gradients,
            $"on {device} it must be graph.");
        Rule(
            ExecutionConfig.Optimizers.Contains(c.Execution.Gradients),
            "execution.gradients",
            $"'{c.Execution.Gradients}'",
            $"there are: {string.Join(", ", ExecutionConfig.Optimizers)}.");
        var optimizer = c.Training.Optimizer;
        Share(optimizer.Momentum, "training.optimizer.momentum", zero: true, one: false);
        Rule(
            device == ExecutionConfig.Cpu
                || !AlgorithmTable.All.TryGetValue(c.Algorithm.Name, out var arm)
                || arm.Features is not (FeatureKind.Alignment or FeatureKind.Energy),
            "algorithm.name",
            c.Algorithm.Name,
            $"it is computed on the host alone, so execution.device must be cpu, not {device}.");
        var here = device == ExecutionConfig.Cpu && c.Execution.Gradients == "graph";
        const string Elsewhere = "on the CPU by execution.gradients=graph alone; elsewhere it must be";
        Rule(here || optimizer.Kind == OptimizerKind.AdamW, "training.optimizer.kind", optimizer.Kind, $"it runs {Elsewhere} adamW.");
        Rule(
            here || optimizer.Moments == MomentStorage.Float32
                || (device != ExecutionConfig.Cpu && optimizer.Moments == MomentStorage.BFloat16),
            "training.optimizer.moments",
            optimizer.Moments,
            $"they are kept {Elsewhere} float32, or on a GPU bFloat16.");
        Rule(
            here || c.Training.GradientShards == 1,
            "training.gradientShards",
            c.Training.GradientShards,
            $"shards are summed {Elsewhere} 1.");
        Rule(
            here || !c.Distribution.IsOn || !c.Distribution.Share.Contains("gradients"),
            "distribution.share",
            "holding gradients",
            "workers sum those of execution.device=cpu with execution.gradients=graph; take it out.");
        Rule(
            here || c.Execution.Kernels != KernelChoice.Fused || (device != ExecutionConfig.Cpu && c.Execution.Precision == "bfloat16"),
            "execution.kernels",
            "fused",
            $"they run on a GPU with execution.precision=bfloat16, and {Elsewhere} auto or standard.");
        Rule(
            here || c.Training.Packing != Packing.Prompts || (device != ExecutionConfig.Cpu && c.Execution.Kernels == KernelChoice.Fused),
            "training.packing",
            "prompts",
            $"it runs on a GPU with execution.kernels=fused, and {Elsewhere} auto or none.");
        var narrow = c.Adapter.Base != Models.WeightStorage.Float32;
        Rule(
            !narrow || here,
            "adapter.base",
            c.Adapter.Base,
            "frozen weights in few bits are read on the CPU by execution.gradients=graph; elsewhere they must be float32.");
        Rule(c.Execution.Threads is >= 0 and <= 1024, "execution.threads", c.Execution.Threads, "it must be 0 (every core) to 1024.");
        AtLeast(c.Logging.RolloutsEvery, 0, "logging.rolloutsEvery");
        return faults;
    }

    private static bool IsGpu(string device) => device is not null && device.StartsWith("cuda:", StringComparison.Ordinal)
        && byte.TryParse(device.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out _);

    /// <summary>What is allowed but deserves a word.</summary>
    public static IReadOnlyList<string> Warnings(RunConfig c)
    {
        var warnings = new List<string>();
        if (c.Sampling.TopK > 0 || c.Sampling.TopP < 1 || c.Sampling.MinP > 0)
            warnings.Add("sampling.topK, topP or minP restrict the choice of tokens: "
                + "the policy that is trained is then not the one that draws the rollouts.");
        var a = c.Algorithm;
        if (a.Profile == "trl" && AlgorithmChoice.Of(a) is { Loss: "cispo", ClipHigh: < 1 } choice)
            warnings.Add($"algorithm.clipHigh is {choice.ClipHigh} with loss cispo in profile trl, where it bounds the ratio itself, "
                + "not its distance from 1: every token counts less than it would on-policy. TRL's own examples take 5.");
        if (c.Distribution.IsOn && c.Distribution.Share.Contains("gradients") && c.Training.GradientShards == 1)
            warnings.Add("distribution.share holds gradients and training.gradientShards is 1: one worker sums all of a mini-batch. "
                + "Give it a multiple of the workers, which changes rounding.");
        if (c.Sampling.Lag > 0 && !a.Correction.IsOn)
            warnings.Add($"sampling.lag is {c.Sampling.Lag}: rollouts come from older weights than those that are trained, and nothing "
                + "weighs the difference. Set algorithm.correction.weights=tis (truncated importance sampling), or another correction.");
        if (c.Sampling.Weights != DrawnWeights.Float32 && !a.Correction.IsOn)
            warnings.Add("sampling.weights is bfloat16: rollouts come from rounded weights, and nothing weighs the difference. Set "
                + "algorithm.correction.weights=tis (truncated importance sampling), or another correction.");
        if (c.Sampling.CacheType != CacheType.Float32 && !a.Correction.IsOn)
            warnings.Add($"sampling.cacheType is {c.Sampling.CacheType}: rollouts come from rounded keys and values, and nothing weighs "
                + "the difference. Set algorithm.correction.weights=tis (truncated importance sampling), or another correction.");
        if (c.Distribution.IsOn && c.Distribution.Weights == WeightTransfer.Delta && c.Sampling.Weights == DrawnWeights.Float32)
            warnings.Add("distribution.weights is delta: differences of float32 weights have about half of their bytes. With "
                + "sampling.weights=bfloat16 rollouts need 1 to 2 % of them.");
        if (c.Sampling.Lag > 0 && c.Problems.PassRate.IsOn)
            warnings.Add("problems.passRate chooses a step's problems by how those before it went, so no batch is drawn ahead of its step; "
                + "sampling.lag then only makes rollouts older.");
        warnings.AddRange(IneffectiveSettings.Of(c));
        return warnings;
    }
}
