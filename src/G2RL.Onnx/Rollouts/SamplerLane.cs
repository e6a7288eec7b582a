using System.Numerics.Tensors;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts.Decoding;
using G2RL.Onnx.Tokenizers;

namespace G2RL.Onnx.Rollouts;

/// <summary>One thread's share of a draw: a cache, the rows in flight, and the decode loop.</summary>
internal sealed class SamplerLane : IDisposable
{
    // With ONNX Runtime's operators bindings exist for 2, 4 and the multiples of this many rows only; the rows that fill up are dead
    // weight, at most seven. With ours there are as many rows as are in flight.
    private const int Granularity = 8;

    private readonly OrtSession session;
    private readonly Policy policy;
    private readonly RolloutText text;
    private readonly SamplerSettings settings;
    private readonly int capacity;
    private readonly int slot;
    private readonly bool padded;
    private readonly KvCache cache;
    private readonly DecodeResults results;
    private readonly TokenSampler[] samplers;
    private readonly RowWorkers workers;
    private readonly Row[] rows;

    // Of rows that begin: the place of their prompt.
    private readonly int[] origins;
    private readonly Dictionary<int, DecodeStep> steps = [];
    private readonly PromptPass pass;
    private readonly PromptSlot[] prompts;
    private readonly int[] found;
    private readonly int[][] taken;
    private readonly HashSet<int> stopTokens;
    private SamplerJob? running;

    // Null while rows begin, the first of them at this place.
    private DecodeStep? stepped;
    private int begun;

    public SamplerLane(OrtSession session, Policy policy, Tokenizer tokenizer, SamplerSettings settings, SamplerPlan plan)
    {
        (this.session, this.policy, text, this.settings, capacity) =
            (session, policy, new RolloutText(tokenizer, settings), settings, plan.RowsPerThread);
        var threads = plan.ThreadsEach;
        padded = !DecodeGraphs.UsesOurs(policy.Spec, settings.Kernels, settings.CacheType.Element());
        slot = Slots(capacity);
        cache = new KvCache(policy.Spec, slot + plan.PromptSlots, policy.Positions, settings.CacheType);
        results = new DecodeResults(policy, Math.Max(slot, plan.PromptSlots));
        samplers = [.. Enumerable.Range(0, threads).Select(_ => new TokenSampler(policy.Spec.VocabularySize, settings.Sampling))];
        workers = new RowWorkers(threads, Draw);
        rows = new Row[capacity];
        origins = new int[capacity];
        pass = new PromptPass(session, policy, cache, slot, results);
        prompts = [.. Enumerable.Range(0, plan.PromptSlots).Select(_ => new PromptSlot(policy.Spec))];
        (found, taken) = (new int[plan.PromptSlots], new int[plan.PromptSlots][]);
        stopTokens = [.. settings.StopTokens];
    }

    /// <summary>Draws until no prompt is left.</summary>
    public void Run(SamplerJob job, CancellationToken cancel)
    {
        var (active, held, next, nextSample) = (0, 0, 0, 0);
        running = job;
        foreach (var sampler in samplers)
            sampler.LargestLogit = 0;
        while (true)
        {
            cancel.ThrowIfCancellationRequested();
            while (active < capacity)
            {
                if (next == held)
                {
                    (held, next) = (Prefill(job), 0);
                    if (held == 0)
                        break;
                }
                // As many at once as there are prompts at hand and places.
                (stepped, begun) = (null, active);
                for (; active < capacity && next < held; active++)
                {
                    (rows[active] ??= new Row()).Start(job, prompts[next].Index, nextSample, policy.Spec);
                    origins[active] = next;
                    if (++nextSample == job.Request.Samples)
                        (next, nextSample) = (next + 1, 0);
                }
                workers.Run(active - begun);
                active = Unended(job, begun, active);
            }
            if (active == 0)
                break;
            active = Step(job, active);
        }
        running = null;
        foreach (var sampler in samplers)
            job.SeeLogit(sampler.LargestLogit);
    }

    /// <summary>Gives the cache's memory back until the next draw.</summary>
    public void Release() => cache.Release();

    public void Dispose()
    {
        workers.Dispose();
        pass.Dispose();
        foreach (var step in steps.Values)
            step.Dispose();
        results.Dispose();
        cache.Dispose();
    }

    // Two rows at least, unless there is never more than one: a product of one row takes another path and gives other bits.
    internal static int Padded(int count, int capacity) =>
        capacity == 1 ? 1 : count <= 2 ? 2 : count <= 4 ? 4 : (count + Granularity - 1) / Granularity * Granularity;

    private int Slots(int count) => padded ? Padded(count, capacity) : count;

    // The next prompts, as many as are run together; none where no prompt is left.
    private int Prefill(SamplerJob job)
    {
        var count = job.NextPrompts(prompts.Length, found);
        if (count == 0)
            return 0;
        for (var i = 0; i < count; i++)
            taken[i] = job.Request.Prompts[found[i]];
        var step = pass.Run(taken.AsSpan(0, count));
        for (var i = 0; i < count; i++)
        {
            prompts[i].Index = found[i];
            step.Logits(i).CopyTo(prompts[i].Logits);
            step.Hidden(i).CopyTo(prompts[i].Hidden);
        }
        return count;
    }

    // One token for every row; rows that end are replaced by the last one.
    private int Step(SamplerJob job, int active)
    {
        var batch = Slots(active);
        if (!steps.TryGetValue(batch, out var step))
            steps[batch] = step = new DecodeStep(session, policy, cache, first: 0, batch, tokens: 1, results);
        for (var i = 0; i < batch; i++)
            (step.Ids[i], step.Places[i], step.Ends[i]) = i < active ? (rows[i].LastToken, rows[i].Filled, rows[i].Filled) : (0, 0, 0);
        step.Run();
        stepped = step;
        workers.Run(active);
        return Unended(job, 0, active);
    }

    // How many rows are left; the last ones take the places of those that ended, from the first that may have.
    private int Unended(SamplerJob job, int first, int active)
    {
        for (var i = first; i < active;)
        {
            if (!Ended(job, rows[i]))
            {
                i++;
                continue;
            }
            active--;
            cache.CopyRow(active, i, rows[active].Filled + 1);
            (rows[i], rows[active]) = (rows[active], rows[i]);
        }
        return active;
    }

    // A row's next token; of one that begins, behind its prompt's keys and values.
    private void Draw(int thread, int number)
    {
        var place = stepped is null ? begun + number : number;
        var (job, row) = (running!, rows[place]);
        var prompt = stepped is null ? prompts[origins[place]] : null;
        if (prompt is not null)
            cache.CopyRow(slot + origins[place], place, job.Request.Prompts[prompt.Index].Length);
        var logits = prompt is null ? stepped!.Logits(number) : prompt.Logits;
        var hidden = prompt is null ? stepped!.Hidden(number) : prompt.Hidden;
        var request = job.Request;
        var uniform = Seeds.Uniform(request.Seed, request.Step, request.IndexOf(row.Prompt), row.Sample, row.Count);
        var (token, logProb, entropy) = samplers[thread].Draw(logits, uniform, row.Features);
        row.Append(token, logProb, entropy, hidden);
    }

    // Whether the row's last token ended the rollout, which is then handed over.
    private bool Ended(SamplerJob job, Row row)
    {
        FinishReason? finish = stopTokens.Contains((int)row.LastToken) ? FinishReason.StopToken
            : text.IsStopped(row.Tokens) ? FinishReason.StopString
            : row.Count == settings.MaxNewTokens ? FinishReason.Length
            : null;
        if (finish is not { } reason)
            return false;
        job.Finish(row.Prompt, row.Sample, row.ToRollout(job, reason, text.Of(row.Tokens, reason)));
        return true;
    }

    /// <summary>A prompt whose keys and values lie in the cache, and what its last token leads to.</summary>
    private sealed class PromptSlot(DecoderSpec spec)
    {
        public int Index { get; set; }

        public float[] Logits { get; } = new float[spec.VocabularySize];

        public float[] Hidden { get; } = new float[spec.HiddenSize];
    }

    /// <summary>A rollout in flight; its arrays are reused from rollout to rollout.</summary>
    private sealed class Row
    {
        private int[] tokens = new int[64];
        private float[] logProbs = new float[64];
        private float[] entropies = new float[64];
        private float[] hidden = [];
        private int width;
        private bool keepHidden;
        private int promptLength;
        private float[]? features;

        public int Prompt { get; private set; }

        public int Sample { get; private set; }

        public int Count { get; private set; }

        /// <summary>The position that the next token will fill.</summary>
        public int Filled => promptLength + Count - 1;

        public long LastToken => tokens[Count - 1];

        public ReadOnlySpan<int> Tokens => tokens.AsSpan(0, Count);

        public Span<float> Features => features;

        public void Start(SamplerJob job, int prompt, int sample, DecoderSpec spec)
        {
            (Prompt, Sample, Count, width, keepHidden) = (prompt, sample, 0, spec.HiddenSize, job.Request.WithHidden);
            promptLength = job.Request.Prompts[prompt].Length;
            features = !job.Request.WithFeatures ? null
                : job.Request.Buffers?.Take(spec.VocabularySize) ?? new float[spec.VocabularySize];
        }

        public void Append(int token, float logProb, float entropy, ReadOnlySpan<float> state)
        {
            if (Count == tokens.Length)
            {
                Array.Resize(ref tokens, 2 * Count);
                Array.Resize(ref logProbs, 2 * Count);
                Array.Resize(ref entropies, 2 * Count);
            }
            (tokens[Count], logProbs[Count], entropies[Count]) = (token, logProb, entropy);
            if (keepHidden)
            {
                if (hidden.Length < tokens.Length * width)
                    Array.Resize(ref hidden, tokens.Length * width);
                state.CopyTo(hidden.AsSpan(Count * width, width));
            }
            Count++;
        }

        public Rollout ToRollout(SamplerJob job, FinishReason finish, string text)
        {
            if (features is not null)
                TensorPrimitives.Divide(features, Count, features);
            return new Rollout
            {
                PromptTokens = job.Request.Prompts[Prompt],
                Tokens = tokens[..Count],
                LogProbs = logProbs[..Count],
                Entropies = entropies[..Count],
                Finish = finish,
                Version = job.Version,
                Text = text,
                FeatureWeights = features,
                HiddenStates = keepHidden ? hidden[..(Count * width)] : null,
            };
        }
    }
}
