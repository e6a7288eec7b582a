using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Prompts;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;
using G2RL.Onnx.Tokenizers.Jinja;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Resuming;

namespace G2RL.Onnx.Training;

/// <summary>
/// What a configuration names, opened and checked: the model, its tokenizer, the problems. Enough to sample; training needs more.
/// </summary>
internal sealed class RunInputs : IDisposable
{
    private readonly RunConfig config;
    private readonly int[] stopTokens;
    private readonly PromptEncoder prompts;
    private readonly Conversations conversations;
    private CheckedProblems checkedProblems;

    /// <summary>Loads everything.</summary>
    /// <param name="config">The configuration; checked here.</param>
    /// <param name="problems">Problems of one's own; null takes the configuration's.</param>
    /// <param name="backend">Who computes, the caller's to dispose of; null is the host.</param>
    /// <exception cref="InputException">A fault in the configuration, the checkpoint, the tokenizer or the problems.</exception>
    public RunInputs(RunConfig config, IProblemSet? problems, IBackend? backend = null)
    {
        if (RunConfigRules.Faults(config) is { Count: > 0 } faults)
            throw InputException.Of([.. faults]);
        this.config = config;
        Threads = config.Execution.Threads > 0 ? config.Execution.Threads : Environment.ProcessorCount;
        Backend = backend ?? (config.Execution.Device == ExecutionConfig.Cpu
            ? new CpuBackend(Threads)
            : throw new InputException($"execution.device is {config.Execution.Device}, and no such device was opened; "
                + "the command line does that, a program of one's own hands its backend over."));
        if (Backend.Name != config.Execution.Device)
            throw new ArgumentException($"The backend is {Backend.Name}; execution.device is {config.Execution.Device}.", nameof(backend));
        Checkpoint = HuggingFaceCheckpoint.Open(config.Model, config.AllowUnknownConfig);
        var (limit, positions) = (Checkpoint.Spec.MaxPositions, config.Sampling.MaxPromptTokens + config.Sampling.MaxNewTokens);
        if (positions > limit)
            throw new InputException($"sampling.maxPromptTokens {config.Sampling.MaxPromptTokens} + sampling.maxNewTokens "
                + $"{config.Sampling.MaxNewTokens} = {positions}; {config.Model} has {limit} positions (max_position_embeddings). "
                + "Lower one of them.");
        Tokenizer = Tokenizer.Load(config.Model);
        var chat = config.Problems.Chat ? Chat(config, Checkpoint.Spec.Architecture) : null;
        prompts = new(Tokenizer, chat, config.Problems.AddSpecialTokens);
        conversations = new(config, chat, () => ChatPrompts.HasTemplate(config.Model, Checkpoint.Spec.Architecture, Tokenizer)
            ? Chat(config, Checkpoint.Spec.Architecture)
            : null);
        stopTokens = [.. Checkpoint.GenerationEosTokens(), .. config.Sampling.StopTokens.Select(StopToken)];
        checkedProblems = new(problems ?? ProblemSets.Create(config.Problems.Set, config.Problems.Settings ?? default), [], 0, "", "");
        Benchmarks = Benchmark.Open(config.Evaluation);
        if (problems is null)
            Benchmark.RefuseOverlap(Benchmarks, Problems);
        Policy = RunAdapter.Load(config, Checkpoint.Spec, positions);
    }

    public int Threads { get; }

    /// <summary>Who computes.</summary>
    public IBackend Backend { get; }

    public HuggingFaceCheckpoint Checkpoint { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>The problems; from a check on those whose prompts fit.</summary>
    public IProblemSet Problems => checkedProblems.Set;

    /// <summary>The benchmarks that evaluations take, opened.</summary>
    public IReadOnlyList<Benchmark> Benchmarks { get; }

    public Policy Policy { get; }

    /// <summary>What deserves a word about the model and the problems.</summary>
    public IEnumerable<string> Warnings() =>
    [
        .. Checkpoint.UnknownKeys.Select(key => $"{config.Model}: config.json's {key} is unknown and passed over (allowUnknownConfig)."),
        .. Problems.Notes,
        .. checkedProblems.Notes,
        .. conversations.Warnings(Problems.Training?.Take(1) ?? []),
    ];

    /// <summary>
    /// Looks at every prompt that the run may draw or be evaluated on, and leaves out those that do not fit where the configuration says
    /// so.
    /// </summary>
    /// <param name="progress">Called with (prompts done, of), from any thread.</param>
    /// <exception cref="InputException">Prompts that are too long, or that tokenizer or model cannot read.</exception>
    public void CheckProblems(Action<int, int>? progress) =>
        checkedProblems =
            Check(progress).Run(Problems, config.Steps, config.Sampling.PromptsPerStep, config.Seed, config.Evaluation.Problems);

    /// <summary>Likewise of the held-out problems alone.</summary>
    /// <param name="count">How many are asked for.</param>
    public void CheckHeldOut(int count) => checkedProblems = Check(progress: null).RunHeldOut(Problems, count);

    /// <summary>What the results depend on beside the configuration; after a check of the problems.</summary>
    public RunIdentity Identity() => RunIdentity.Of(config, Policy.Version.Origin, Checkpoint.Spec, stopTokens, Tokenizer, checkedProblems);

    /// <summary>A problem's prompt as token ids.</summary>
    /// <exception cref="InputException">A prompt that is too long, or that tokenizer or model cannot read.</exception>
    public int[] Encode(Problem problem)
    {
        var ids = Tokens(problem);
        return ids.Length <= config.Sampling.MaxPromptTokens
            ? ids
            : throw new InputException($"The prompt of {problem.Id} has {ids.Length} tokens; "
                + $"sampling.maxPromptTokens is {config.Sampling.MaxPromptTokens}. Raise it, or leave such problems out.");
    }

    // Of any length.
    private int[] Tokens(Problem problem)
    {
        var ids = conversations.Render(problem) is { } text ? Tokenizer.Encode(text) : prompts.Encode(problem.Prompt);
        if (ids.FirstOrDefault(id => id >= Policy.Spec.VocabularySize, -1) is >= 0 and var bad)
            throw new InputException($"The prompt of {problem.Id} holds token {bad} of the tokenizer; "
                + $"the model's vocabulary has {Policy.Spec.VocabularySize}. Tokenizer and weights of {config.Model} do not belong "
                + "together.");
        return ids;
    }

    private PromptCheck Check(Action<int, int>? progress) =>
        new(Tokens, config.Sampling.MaxPromptTokens, config.Problems.TooLong, Threads, progress);

    /// <summary>How training draws.</summary>
    public SamplerSettings TrainingSampler() =>
        Settings(config.Sampling.Temperature, config.Sampling.TopK, config.Sampling.TopP, config.Sampling.MinP);

    /// <summary>How evaluations draw.</summary>
    public SamplerSettings EvaluationSampler() => config.Evaluation.TakesTheBest
        ? Settings(temperature: 1, topK: 0, topP: 1, minP: 0, greedy: true)
        : Settings(config.Evaluation.Temperature, topK: 0, config.Evaluation.TopP, minP: 0);

    public void Dispose()
    {
        Policy.Dispose();
        Checkpoint.Dispose();
    }

    private SamplerSettings Settings(double temperature, int topK, double topP, double minP, bool greedy = false) => new()
    {
        Sampling = new SamplingSettings { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP, Greedy = greedy },
        MaxNewTokens = config.Sampling.MaxNewTokens,
        StopTokens = stopTokens,
        StopStrings = config.Sampling.StopStrings,
        MaxRows = config.Sampling.MaxRows,
        CacheBudgetBytes = (long)config.Sampling.CacheBudgetMiB << 20,
        Threads = Threads,
    };

    private static ChatPrompts Chat(RunConfig config, string architecture)
    {
        var variables = config.Problems.TemplateVariables.ToDictionary(v => v.Key, v => v.Value.GetRawText(), StringComparer.Ordinal);
        DateTime? date = TemplateDate.TryParse(config.Problems.Date, out var day) ? day : null;
        return ChatPrompts.Load(config.Model, architecture, variables: variables, date: date);
    }

    private int StopToken(string text) => Tokenizer.IdOf(text)
        ?? throw new InputException($"sampling.stopTokens names '{text}', which the tokenizer of {config.Model} does not have. "
            + "Use a token's exact text, or sampling.stopStrings.");
}
