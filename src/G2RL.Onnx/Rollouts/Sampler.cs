using System.Collections.Concurrent;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Rollouts;

/// <summary>How rollouts are drawn.</summary>
public sealed record SamplerSettings
{
    /// <summary>Temperature, top-k, top-p, min-p or greedy.</summary>
    public SamplingSettings Sampling { get; init; } = new();

    /// <summary>Tokens after which a rollout is cut off, >= 1.</summary>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Tokens that end a rollout.</summary>
    public IReadOnlyList<int> StopTokens { get; init; } = [];

    /// <summary>Texts that end a rollout; the text is cut before them, the tokens are kept.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Rollouts in flight at once over all threads.</summary>
    public int MaxRows { get; init; } = 256;

    /// <summary>Memory for the key/value cache over all threads, bytes; 0 takes it from what is free where the sampler is made.</summary>
    public long CacheBudgetBytes { get; init; }

    /// <summary>How keys and values are kept on the host; a narrow type takes operators of ours, of a small model, too.</summary>
    public CacheType CacheType { get; init; }

    /// <summary>Threads, >= 1; each draws rollouts of its own with one thread inside the operators. Rollouts do not depend on it.</summary>
    public int Threads { get; init; } = 1;

    /// <summary>
    /// Whose operators decode: auto takes ours for a large model, ONNX Runtime's for a small one. Results differ in their last bits.
    /// </summary>
    public KernelChoice Kernels { get; init; }

    /// <summary>Checks every range.</summary>
    /// <exception cref="InputException">A setting out of range.</exception>
    internal void Validate()
    {
        Sampling.Validate();
        if (MaxNewTokens < 1)
            throw new InputException($"sampling.maxNewTokens is {MaxNewTokens}; a rollout needs at least 1 token.");
        if (Threads < 1)
            throw new InputException($"Threads is {Threads}; drawing needs at least 1.");
    }
}

/// <summary>What to draw.</summary>
/// <param name="Prompts">Token ids of each prompt.</param>
/// <param name="Samples">Rollouts of each prompt.</param>
/// <param name="Seed">Seed of the run.</param>
/// <param name="Step">Step of the run: together with seed, prompt, sample and token it keys every random number.</param>
/// <param name="WithFeatures">Accumulate the feature weights u.</param>
/// <param name="WithHidden">Keep the hidden states.</param>
/// <param name="KeepsFeatures">Feature weights of earlier draws stay beside the new ones; otherwise a device forgets them.</param>
public sealed record DrawRequest(
    IReadOnlyList<int[]> Prompts,
    int Samples,
    ulong Seed,
    int Step,
    bool WithFeatures = false,
    bool WithHidden = false,
    bool KeepsFeatures = false)
{
    /// <summary>
    /// Number of each prompt, >= 0, where the prompts are a part of a longer list: its rollouts are the same as those of the whole list,
    /// however that is divided. Null numbers them 0, 1, 2 and so on.
    /// </summary>
    public IReadOnlyList<int>? Indices { get; init; }

    /// <summary>
    /// Called with the place of a prompt and its rollouts when the last of these has ended, from any thread, where the source knows it
    /// before the draw is done.
    /// </summary>
    public Action<int, Rollout[]>? GroupEnded { get; init; }

    /// <summary>Where feature weights are taken from and handed back to; null makes new ones for every rollout.</summary>
    public FeatureBuffers? Buffers { get; init; }

    /// <summary>The number by which the random function knows a prompt.</summary>
    internal int IndexOf(int prompt) => Indices is null ? prompt : Indices[prompt];

    /// <summary>The same draw of some of the prompts, under the numbers that they have here.</summary>
    /// <param name="prompts">Places of the prompts in <see cref="Prompts"/>.</param>
    public DrawRequest Part(IReadOnlyList<int> prompts) =>
        this with { Prompts = [.. prompts.Select(p => Prompts[p])], Indices = [.. prompts.Select(IndexOf)], GroupEnded = null };

    /// <summary>Checks the prompts.</summary>
    /// <exception cref="InputException">A prompt that is empty or leaves no room.</exception>
    /// <exception cref="ArgumentException">Numbers that are not one for each prompt, or below 0.</exception>
    internal void Validate(SamplerSettings settings, int positions)
    {
        if (Indices is not null && Indices.Count != Prompts.Count)
            throw new ArgumentException($"{Indices.Count} indices for {Prompts.Count} prompts; there must be one for each.");
        if (Indices is not null && Indices.Any(i => i < 0))
            throw new ArgumentException($"An index of a prompt is {Indices.Min()}; it must be 0 or more.");
        for (var i = 0; i < Prompts.Count; i++)
            if (Prompts[i].Length == 0)
                throw new InputException($"Prompt {i} has no tokens; a rollout needs something to continue.");
            else if (Prompts[i].Length + settings.MaxNewTokens > positions)
                throw new InputException($"Prompt {i} has {Prompts[i].Length} tokens; with sampling.maxNewTokens {settings.MaxNewTokens} "
                    + $"it exceeds the {positions} positions reserved. Shorten one of them, or raise sampling.maxPromptTokens.");
    }
}

/// <summary>
/// Draws rollouts in batched decode steps. A prompt is prefilled once and its cache copied to its rollouts; rows that end make room for the
/// next at once. A rollout is a function of (weights, prompt, seed, step, prompt index, sample index) alone, whatever it is batched with;
/// of a large model (<see cref="SamplerPlan.ThreadsEach"/>) the last bits of its log-probs depend on the threads, as its training does.
/// </summary>
public sealed class Sampler : IRolloutSource
{
    // Seldom enough to cost nothing: touching a cache again takes a few milliseconds.
    private const int DrawsPerRelease = 16;

    private readonly Policy policy;
    private readonly Tokenizer tokenizer;
    private readonly SamplerSettings settings;
    private readonly OrtSession session;
    private readonly ConcurrentBag<SamplerLane> lanes = [];
    private int draws;

    /// <summary>Builds the decode session.</summary>
    /// <param name="policy">The weights; the sampler sees every update.</param>
    /// <param name="tokenizer">For the rollouts' text.</param>
    /// <param name="settings">How to draw.</param>
    /// <exception cref="InputException">A setting out of range, or a memory budget below one row per thread.</exception>
    public Sampler(Policy policy, Tokenizer tokenizer, SamplerSettings settings)
    {
        (this.policy, this.tokenizer, this.settings) = (policy, tokenizer, settings);
        settings.Validate();
        Plan = SamplerPlan.For(policy.Spec, policy.Positions, settings);
        session = DecodeGraphs.Open(policy.Spec, settings.Kernels, Plan.ThreadsEach, settings.CacheType.Element());
    }

    /// <summary>Threads, rows and cache memory.</summary>
    public SamplerPlan Plan { get; }

    /// <summary>Draws every prompt's rollouts.</summary>
    /// <param name="request">What to draw.</param>
    /// <param name="progress">Called with the number of rollouts that have ended, from any thread.</param>
    /// <param name="cancel">Stops between decode steps.</param>
    /// <exception cref="InputException">A prompt that is empty or leaves no room for
    /// <see cref="SamplerSettings.MaxNewTokens"/>.</exception>
    /// <exception cref="NonFiniteException">The model gave a logit that is not a number.</exception>
    public DrawnRollouts Draw(DrawRequest request, Action<int>? progress = null, CancellationToken cancel = default)
    {
        request.Validate(settings, policy.Positions);
        var results = new Rollout[request.Prompts.Count][];
        for (var i = 0; i < results.Length; i++)
            results[i] = new Rollout[request.Samples];
        var job = new SamplerJob(request, results, policy.Version, progress);
        var threads = Math.Min(Plan.Threads, Math.Max(1, results.Length));
        // Lanes keep their caches and bindings from draw to draw.
        void Work(int _)
        {
            if (!lanes.TryTake(out var lane))
                lane = new SamplerLane(session, policy, tokenizer, settings, Plan);
            lane.Run(job, cancel);
            lanes.Add(lane);
        }
        Lanes.Run(threads, Work);
        // Each row of a cache is as long as the longest rollout that it ever held: given back now and then, they do not grow with a run.
        if (Plan.IsReleased || ++draws % DrawsPerRelease == 0)
            foreach (var lane in lanes)
                lane.Release();
        return new(results, job.LargestLogit);
    }

    /// <summary>Draws the rollouts of problems and keeps them together as groups.</summary>
    public RolloutGroup[] DrawGroups(
        IReadOnlyList<Problem> problems,
        IReadOnlyList<int[]> prompts,
        DrawRequest request,
        Action<int>? progress = null,
        CancellationToken cancel = default)
    {
        var drawn = Draw(request with { Prompts = prompts }, progress, cancel);
        return [.. problems.Zip(drawn, (problem, rollouts) => new RolloutGroup(problem, rollouts))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var lane in lanes)
            lane.Dispose();
        session.Dispose();
    }
}

/// <summary>A draw in progress, shared by its lanes.</summary>
internal sealed class SamplerJob(
    DrawRequest request,
    Rollout[][] results,
    PolicyVersion version,
    Action<int>? progress)
{
    private readonly Lock gate = new();
    private readonly int[] left = [.. Enumerable.Repeat(request.Samples, results.Length)];
    private int finished;
    private int next;

    public DrawRequest Request => request;

    public PolicyVersion Version => version;

    public float LargestLogit { get; private set; }

    /// <summary>Takes prompts that are run together, at most so many.</summary>
    /// <param name="most">Prompts at most.</param>
    /// <param name="prompts">Receives them.</param>
    /// <returns>How many; 0 where none is left.</returns>
    public int NextPrompts(int most, Span<int> prompts)
    {
        lock (gate)
        {
            if (next == results.Length)
                return 0;
            var count = PromptPass.Together(request.Prompts.Skip(next).Select(p => p.Length), most);
            for (var i = 0; i < count; i++)
                prompts[i] = next++;
            return count;
        }
    }

    public void Finish(int prompt, int sample, Rollout rollout)
    {
        results[prompt][sample] = rollout;
        if (Interlocked.Decrement(ref left[prompt]) == 0)
            request.GroupEnded?.Invoke(prompt, results[prompt]);
        progress?.Invoke(Interlocked.Increment(ref finished));
    }

    public void SeeLogit(float largest)
    {
        lock (gate)
            LargestLogit = MathF.Max(LargestLogit, largest);
    }
}
