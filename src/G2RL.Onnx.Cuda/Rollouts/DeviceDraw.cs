using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// A draw in progress. The device is always given the next step before the host looks at the last one's tokens, so it need not wait: a row
/// that ended is known a step later, and the one token too many that it drew is for nobody.
/// </summary>
internal sealed class DeviceDraw
{
    private readonly CudaBackend backend;
    private readonly DecodeLane lane;
    private readonly RolloutText text;
    private readonly DrawBuffers buffers;
    private readonly DrawRequest request;
    private readonly PolicyVersion version;
    private readonly int capacity;
    private readonly int most;
    private readonly int width;
    private readonly int vocabulary;
    private readonly Action<int>? progress;
    private readonly DeviceBuffer? accumulators;
    private readonly int firstSlot;
    private readonly Rollout[][] results;
    private readonly DeviceRow[] rows;
    private readonly HashSet<DeviceRow> unfinished = new(ReferenceEqualityComparer.Instance);
    private readonly List<int> holes = [];
    private readonly int total;
    private int active;
    private int started;
    private int finished;
    private int prefilled = -1;
    private float[] promptHidden = [];

    public DeviceDraw(
        CudaBackend backend,
        DecodeLane lane,
        RolloutText text,
        DrawBuffers buffers,
        Policy policy,
        SamplerSettings settings,
        DrawRequest request,
        int capacity,
        Action<int>? progress)
    {
        (this.backend, this.lane, this.text, this.buffers, this.request, this.capacity, this.progress) =
            (backend, lane, text, buffers, request, capacity, progress);
        (version, most, vocabulary, width) =
            (policy.Version, settings.MaxNewTokens, policy.Spec.VocabularySize, request.WithHidden ? policy.Spec.HiddenSize : 0);
        rows = new DeviceRow[capacity];
        total = checked(request.Prompts.Count * request.Samples);
        results = [.. request.Prompts.Select(_ => new Rollout[request.Samples])];
        if (!request.WithFeatures)
            return;
        firstSlot = backend.Features.Reserve(total, vocabulary, request.KeepsFeatures);
        accumulators = backend.Features.Buffer;
    }

    /// <summary>The largest of the greatest logits.</summary>
    public float LargestLogit { get; private set; }

    /// <summary>Draws everything.</summary>
    public Rollout[][] Run(CancellationToken cancel)
    {
        var (step, first) = ((Ticket?)null, (Ticket?)null);
        try
        {
            for (var turn = 0; active > 0 || started < total || step is not null || first is not null; turn++)
            {
                cancel.ThrowIfCancellationRequested();
                if (lane.Ledger.IsFull)
                    Settle((step is null ? 0 : 1) + (first is null ? 0 : 1));
                var nextStep = active > 0 ? Issue(turn % 2) : null;
                if (step is not null || first is not null)
                    backend.Memory.Driver.Wait(buffers.Event);
                Accept(step);
                Accept(first);
                if (nextStep is not null && accumulators is not null)
                    lane.Accumulate([.. nextStep.Rows.Select(r => r is { Finish: null } ? 1f : 0f)], nextStep.Line, accumulators);
                Retire();
                (step, first) = (nextStep, Fill(turn % 2));
                backend.Memory.Driver.Record(buffers.Event);
            }
            Settle(0);
            Average();
            return results;
        }
        catch
        {
            // Nothing may still write into the host's buffers when the next draw begins.
            backend.Memory.Driver.Synchronize();
            throw;
        }
    }

    private int Slot(DeviceRow row) => firstSlot + (row.Prompt * request.Samples) + row.Sample;

    private bool IsGone(DeviceRow row) => row.Finish is not null || row.Issued == most;

    // One more token for every row.
    private Ticket Issue(int buffer)
    {
        var (batch, line) = (DecodeLane.Padded(active), lane.Ledger.Open());
        var columns = new DeviceRow?[active];
        for (var c = 0; c < active; c++)
        {
            lane.Table.Set(c, rows[c], request.Seed, request.Step, Slot(rows[c]));
            if (IsGone(rows[c]))
                continue;
            columns[c] = rows[c];
            rows[c].Issued++;
        }
        for (var c = active; c < batch; c++)
            lane.Table.SetEmpty(c);
        lane.Table.Send();
        lane.Step(batch);
        lane.Draw(active, line);
        lane.Fetch(buffers.Step[buffer]);
        if (width > 0)
            lane.FetchHidden(buffers.Hidden(buffer), active);
        return new(columns, line, buffer, IsFirst: false);
    }

    // The tokens of a turn have come.
    private void Accept(Ticket? ticket)
    {
        if (ticket is null)
            return;
        var found = (ticket.IsFirst ? buffers.First : buffers.Step)[ticket.Buffer].Span;
        var tokens = found[..lane.Columns];
        var stopped = found.Slice(lane.Columns, lane.Columns);
        var faults = found.Slice(2 * lane.Columns, lane.Columns);
        for (var c = 0; c < ticket.Rows.Length; c++)
        {
            if (ticket.Rows[c] is not { Finish: null } row)
                continue;
            if (faults[c] != 0)
                throw SamplingKernels.Fault(faults[c], $"Prompt {row.PromptKey}, rollout {row.Sample}, token {row.Count}");
            row.Append(
                tokens[c],
                lane.Ledger.Place(ticket.Line, c),
                width == 0 ? [] : ticket.IsFirst ? row.PromptHidden : buffers.Hidden(ticket.Buffer).Span.Slice(c * width, width));
            row.Finish = stopped[c] != 0 ? FinishReason.StopToken
                : text.IsStopped(row.Tokens) ? FinishReason.StopString
                : row.Count == most ? FinishReason.Length
                : null;
            if (row.Finish is not null)
                progress?.Invoke(++finished);
        }
    }

    // Rows that have ended make room: for new ones where there are, else for the last one, so that rows stay dense.
    private void Retire()
    {
        holes.Clear();
        for (var i = 0; i < active;)
        {
            if (!IsGone(rows[i]))
            {
                i++;
                continue;
            }
            if (total - started > holes.Count)
            {
                holes.Add(i++);
                continue;
            }
            active--;
            if (i == active || IsGone(rows[active]))
                continue;
            lane.Move(active, i, rows[active].Filled);
            rows[i] = rows[active];
        }
    }

    // New rows and their first tokens.
    private Ticket? Fill(int buffer)
    {
        while (active < capacity && total - started > holes.Count)
            holes.Add(active++);
        if (holes.Count == 0)
            return null;
        var (columns, line) = (new DeviceRow?[capacity], lane.Ledger.Open());
        for (var next = 0; next < holes.Count;)
        {
            var prompt = started / request.Samples;
            var count = Math.Min(holes.Count - next, ((prompt + 1) * request.Samples) - started);
            Start(prompt, holes[next..(next + count)], line, columns);
            next += count;
        }
        lane.Fetch(buffers.First[buffer]);
        return new(columns, line, buffer, IsFirst: true);
    }

    // Rollouts of one prompt.
    private void Start(int prompt, List<int> places, int line, DeviceRow?[] columns)
    {
        var ids = request.Prompts[prompt];
        if (prefilled != prompt)
        {
            lane.Prefill(ids);
            prefilled = prompt;
            if (width > 0)
                promptHidden = lane.PromptHidden();
        }
        foreach (var c in places)
        {
            var row = new DeviceRow(
                prompt,
                started++ % request.Samples,
                ids,
                width)
            { PromptHidden = promptHidden, PromptKey = request.IndexOf(prompt) };
            lane.Table.Set(c, row, request.Seed, request.Step, Slot(row));
            row.Issued = 1;
            rows[c] = columns[c] = row;
            unfinished.Add(row);
        }
        lane.SharePrompt([.. places], ids.Length);
        lane.Table.Send();
        // A launch for every stretch of neighbours.
        for (var i = 0; i < places.Count;)
        {
            var length = 1;
            while (i + length < places.Count && places[i + length] == places[i] + length)
                length++;
            lane.DrawFirst(places[i], length, line, accumulators);
            i += length;
        }
    }

    // Log-probs and entropies come home, and rollouts that have ended are done.
    private void Settle(int open)
    {
        LargestLogit = MathF.Max(LargestLogit, lane.Ledger.Settle(unfinished, open));
        foreach (var row in unfinished.Where(r => r.Finish is not null).ToArray())
        {
            results[row.Prompt][row.Sample] = row.ToRollout(text, version, accumulators is null ? -1 : Slot(row));
            unfinished.Remove(row);
        }
    }

    // u is a mean over the tokens.
    private void Average()
    {
        if (accumulators is null || total == 0)
            return;
        using var factors = backend.Memory.Allocate(Purpose.Small, total * sizeof(float));
        factors.Write<float>([.. results.SelectMany(r => r).Select(r => 1f / r.Tokens.Length)]);
        OptimizerKernels.ScaleRows(
            backend.Kernels,
            accumulators.At((long)firstSlot * vocabulary * sizeof(float)),
            total,
            vocabulary,
            factors.Pointer);
    }
}
