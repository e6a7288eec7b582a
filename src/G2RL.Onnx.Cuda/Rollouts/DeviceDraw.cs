using G2RL.Onnx.Cuda.Kernels;
using G2RL.Onnx.Cuda.Memory;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;

namespace G2RL.Onnx.Cuda.Rollouts;

/// <summary>
/// A draw in progress. The device is always given the next step before the host looks at the last one's tokens, so it need not wait: a row
/// that ended is known a step later, and the one token too many that it drew is for nobody. Where the cache does not hold all rows at their
/// full length, rows grow by blocks, and those that no longer fit then, the shortest, are drawn again later: a rollout does not depend on
/// when it is drawn.
/// </summary>
internal sealed class DeviceDraw
{
    private readonly CudaBackend backend;
    private readonly DecodeLane lane;
    private readonly RolloutText text;
    private readonly DrawBuffers buffers;
    private readonly DrawRequest request;
    private readonly PolicyVersion version;
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
    private readonly Queue<(int Prompt, int Sample)> again = [];
    private readonly int total;
    private int active;
    private int started;
    private int finished;

    public DeviceDraw(
        CudaBackend backend,
        DecodeLane lane,
        RolloutText text,
        DrawBuffers buffers,
        Policy policy,
        SamplerSettings settings,
        DrawRequest request,
        Action<int>? progress)
    {
        (this.backend, this.lane, this.text, this.buffers, this.request, this.progress) =
            (backend, lane, text, buffers, request, progress);
        (version, most, vocabulary, width) =
            (policy.Version, settings.MaxNewTokens, policy.Spec.VocabularySize, request.WithHidden ? policy.Spec.HiddenSize : 0);
        rows = new DeviceRow[lane.Columns];
        total = checked(request.Prompts.Count * request.Samples);
        results = [.. request.Prompts.Select(_ => new Rollout[request.Samples])];
        if (!request.WithFeatures)
            return;
        firstSlot = backend.Features.Reserve(total, vocabulary, request.KeepsFeatures);
        accumulators = backend.Features.Buffer;
    }

    /// <summary>The largest of the greatest logits.</summary>
    public float LargestLogit { get; private set; }

    /// <summary>Rows that were begun again.</summary>
    public int Repeated { get; private set; }

    /// <summary>Draws everything.</summary>
    public Rollout[][] Run(CancellationToken cancel)
    {
        var (step, first) = ((Ticket?)null, (Ticket?)null);
        try
        {
            lane.Begin(lane.LengthFor(request.Prompts.Select(p => p.Length).DefaultIfEmpty().Max() + 1));
            for (var turn = 0; active > 0 || Pending > 0 || step is not null || first is not null; turn++)
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
                Fit();
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

    // Rollouts that wait for a row.
    private int Pending => total - started + again.Count;

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
            if (ticket.Rows[c] is not { Finish: null, IsDropped: false } row)
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

    // The rows' length follows the longest of them, and their number what then fits: those with the fewest tokens begin again later.
    private void Fit()
    {
        var longest = 0;
        for (var c = 0; c < active; c++)
            if (!IsGone(rows[c]))
                longest = Math.Max(longest, rows[c].Filled + 1);
        var length = lane.LengthFor(longest);
        // Shorter ones only where that lets others in, and by far, as each time costs a copy of all.
        if (length <= lane.Positions && !(Pending > 0 && 2 * length <= lane.Positions && length >= lane.LengthFor(LongestPending())))
            return;
        for (var room = lane.CapacityAt(length); active > room;)
        {
            var least = 0;
            for (var c = 1; c < active; c++)
                if (Order(rows[c]) < Order(rows[least]))
                    least = c;
            Drop(least);
        }
        lane.Relay(length, active);
    }

    // Who gives way first: those that are done, then the shortest.
    private int Order(DeviceRow row) => IsGone(row) ? -1 : row.Issued;

    private int LongestPending() => request.Prompts.Skip(started / request.Samples)
        .Concat(again.Select(a => request.Prompts[a.Prompt]))
        .Max(p => p.Length) + 1;

    private void Drop(int column)
    {
        var row = rows[column];
        if (!IsGone(row))
        {
            row.IsDropped = true;
            Repeated++;
            unfinished.Remove(row);
            again.Enqueue((row.Prompt, row.Sample));
            if (accumulators is not null)
                backend.Memory.Driver.Fill(
                    accumulators.At((long)Slot(row) * vocabulary * sizeof(float)), 0, (long)vocabulary * sizeof(float));
        }
        active--;
        if (column == active)
            return;
        lane.Move(active, column, rows[active].Filled);
        rows[column] = rows[active];
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
            if (Pending > holes.Count)
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
        while (active < lane.Capacity && Pending > holes.Count)
            holes.Add(active++);
        if (holes.Count == 0)
            return null;
        var (columns, line) = (new DeviceRow?[active], lane.Ledger.Open());
        var work = holes.ConvertAll(_ => Next());
        for (var next = 0; next < work.Count;)
        {
            // As many prompts at once as there are slots.
            var (wanted, end) = (new List<int>(), next);
            for (; end < work.Count; end++)
                if (!wanted.Contains(work[end].Prompt))
                {
                    if (wanted.Count == lane.Prompts.Count)
                        break;
                    wanted.Add(work[end].Prompt);
                }
            var slots = lane.Prompts.Ensure(wanted, request.Prompts, width > 0);
            for (; next < end;)
            {
                var (prompt, count) = (work[next].Prompt, 1);
                while (next + count < end && work[next + count].Prompt == prompt)
                    count++;
                Start(slots[wanted.IndexOf(prompt)], work.GetRange(next, count), holes.GetRange(next, count), line, columns);
                next += count;
            }
        }
        lane.Fetch(buffers.First[buffer]);
        return new(columns, line, buffer, IsFirst: true);
    }

    private (int Prompt, int Sample) Next() =>
        again.TryDequeue(out var next) ? next : (started / request.Samples, started++ % request.Samples);

    // Rollouts of one prompt.
    private void Start(int slot, List<(int Prompt, int Sample)> work, List<int> places, int line, DeviceRow?[] columns)
    {
        var ids = request.Prompts[work[0].Prompt];
        for (var i = 0; i < places.Count; i++)
        {
            var row = new DeviceRow(
                work[i].Prompt,
                work[i].Sample,
                ids,
                width)
            { PromptHidden = width > 0 ? lane.Prompts.Hidden(slot) : [], PromptKey = request.IndexOf(work[i].Prompt) };
            lane.Table.Set(places[i], row, request.Seed, request.Step, Slot(row));
            row.Issued = 1;
            rows[places[i]] = columns[places[i]] = row;
            unfinished.Add(row);
        }
        lane.SharePrompt(slot, [.. places], ids.Length);
        lane.Table.Send();
        // A launch for every stretch of neighbours.
        for (var i = 0; i < places.Count;)
        {
            var length = 1;
            while (i + length < places.Count && places[i + length] == places[i] + length)
                length++;
            lane.DrawFirst(slot, places[i], length, line, accumulators);
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
