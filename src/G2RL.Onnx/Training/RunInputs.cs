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
    private readonly RunModel model;
    private readonly PromptEncoder prompts;
    private readonly Conversations conversations;
    private CheckedProblems checkedProblems;
    private IReadOnlyList<string> benchmarkNotes = [];
    private int longestOfBenchmarks;

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
        Backend = backend ?? (config.Execution.Lead == ExecutionConfig.Cpu
            ? CpuBackend.Of(config)
            : throw new InputException($"execution.device is {config.Execution.Lead}, and no such device was opened; "
                + "the command line does that, a program of one's own hands its backend over."));
        if (Backend.Name != config.Execution.Lead)
            throw new ArgumentException($"The backend is {Backend.Name}; execution.device is {config.Execution.Lead}.", nameof(backend));
        model = new RunModel(config);
        try
        {
            var chat = config.Problems.Chat ? Chat(config, Checkpoint.Spec.Architecture) : null;
            prompts = new(Tokenizer, chat, config.Problems.AddSpecialTokens);
            conversations = new(config, chat, () => ChatPrompts.HasTemplate(config.Model, Checkpoint.Spec.Architecture, Tokenizer)
                ? Chat(config, Checkpoint.Spec.Architecture)
                : null);
            checkedProblems = new(problems ?? ProblemSets.Create(config.Problems.Set, config.Problems.Settings ?? default), [], 0, "", "");
            Benchmarks = Benchmark.Open(config.Evaluation);
            if (problems is null)
                Benchmark.RefuseOverlap(Benchmarks, Problems);
            _ = model.Policy;
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <summary>Threads, >= 1.</summary>
    public int Threads => model.Threads;

    /// <summary>Who computes.</summary>
    public IBackend Backend { get; }

    /// <summary>The model's Hugging Face folder.</summary>
    public HuggingFaceCheckpoint Checkpoint => model.Checkpoint;

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer => model.Tokenizer;

    /// <summary>The problems; from a check on those whose prompts fit.</summary>
    public IProblemSet Problems => checkedProblems.Set;

    /// <summary>The benchmarks that evaluations take, opened.</summary>
    internal IReadOnlyList<Benchmark> Benchmarks { get; private set; }

    /// <summary>The weights.</summary>
    public Policy Policy => model.Policy;

    /// <summary>What deserves a word about the model and the problems.</summary>
    public IEnumerable<string> Warnings() =>
    [
        .. Checkpoint.UnknownKeys.Select(key => $"{config.Model}: config.json's {key} is unknown and passed over (allowUnknownConfig)."),
        .. model.Notes,
        .. Problems.Notes,
        .. checkedProblems.Notes,
        .. benchmarkNotes,
        .. conversations.Warnings(Problems.Training ?? []),
    ];

    /// <summary>
    /// Looks at every prompt that the run may draw or be evaluated on, and leaves out those that do not fit where the configuration says
    /// so.
    /// </summary>
    /// <param name="progress">Called with (prompts done, of), from any thread.</param>
    /// <exception cref="InputException">Prompts that are too long, or that tokenizer or model cannot read.</exception>
    public void CheckProblems(Action<int, int>? progress)
    {
        checkedProblems =
            Check(progress).Run(Problems, config.Steps, config.Sampling.PromptsPerStep, config.Seed, config.Evaluation.Problems);
        CheckBenchmarks();
    }

    /// <summary>Likewise of the held-out problems alone.</summary>
    /// <param name="count">How many are asked for.</param>
    public void CheckHeldOut(int count) => checkedProblems = Check(progress: null).RunHeldOut(Problems, count);

    /// <summary>Tokens of the longest prompt that was looked at; before a check the limit.</summary>
    internal int LongestPrompt =>
        Math.Max(checkedProblems.LongestPrompt ?? config.Sampling.MaxPromptTokens, longestOfBenchmarks);

    /// <summary>What the check left out of the run's own problems, a line a reason.</summary>
    internal IReadOnlyList<string> LeftOut => checkedProblems.Notes;

    /// <summary>Likewise of the benchmarks.</summary>
    /// <returns>What was left out of them, a line a benchmark.</returns>
    public IReadOnlyList<string> CheckBenchmarks()
    {
        var looked = Benchmarks.Select(b => (Of: b, Checked: Check(progress: null).RunHeldOut(b.Set, b.Problems))).ToArray();
        Benchmarks = [.. looked.Select(l => l.Of with { Set = l.Checked.Set })];
        benchmarkNotes = [.. looked.SelectMany(l => l.Checked.Notes.Select(note => $"{l.Of.Name}: {note}"))];
        longestOfBenchmarks = looked.Max(l => l.Checked.LongestPrompt) ?? 0;
        return benchmarkNotes;
    }

    /// <summary>What the results depend on beside the configuration; after a check of the problems.</summary>
    internal RunIdentity Identity() =>
        RunIdentity.Of(config, Policy.Version.Origin, Checkpoint.Spec, model.StopTokens, Tokenizer, checkedProblems);

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
    public SamplerSettings TrainingSampler() => model.TrainingSampler();

    /// <summary>How the greedy responses of training are drawn.</summary>
    public SamplerSettings GreedySampler() => model.GreedySampler();

    /// <summary>How evaluations draw.</summary>
    public SamplerSettings EvaluationSampler() => model.EvaluationSampler();

    /// <inheritdoc/>
    public void Dispose() => model.Dispose();

    private static ChatPrompts Chat(RunConfig config, string architecture)
    {
        var variables = config.Problems.TemplateVariables.ToDictionary(v => v.Key, v => v.Value.GetRawText(), StringComparer.Ordinal);
        DateTime? date = TemplateDate.TryParse(config.Problems.Date, out var day) ? day : null;
        return ChatPrompts.Load(config.Model, architecture, variables: variables, date: date);
    }
}
