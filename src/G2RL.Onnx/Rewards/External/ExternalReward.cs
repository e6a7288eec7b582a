using System.Collections.Concurrent;
using System.Text.Json;
using G2RL.Onnx.Problems;

namespace G2RL.Onnx.Rewards.External;

/// <summary>
/// A reward by programs outside, see <see cref="ExternalConfig"/>: as many at work as there are workers, each ended and started anew when
/// it misbehaves.
/// </summary>
internal sealed class ExternalReward : IReward
{
    private readonly ExternalConfig config;
    private readonly IReadOnlySet<string> secretVariables;
    private readonly RewardProcess?[] workers;
    private long next;

    /// <exception cref="InputException">The program cannot be started.</exception>
    public ExternalReward(ExternalConfig config, IReadOnlySet<string> secretVariables)
    {
        (this.config, this.secretVariables, workers) = (config, secretVariables, new RewardProcess?[config.Workers]);
        // At once, so that a wrong command is told before anything is computed.
        workers[0] = RewardProcess.Start(config, secretVariables);
    }

    /// <inheritdoc/>
    public Outcome[] Score(IReadOnlyList<Completion> completions, RewardTally tally, CancellationToken cancel)
    {
        var outcomes = new Outcome[completions.Count];
        var indices = new ConcurrentQueue<int>(Enumerable.Range(0, completions.Count));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        async Task WorkAsync(int worker)
        {
            try
            {
                while (!stop.IsCancellationRequested && indices.TryDequeue(out var i))
                {
                    outcomes[i] = await AskAsync(worker, completions[i], stop.Token);
                    tally.Add(outcomes[i]);
                }
            }
            catch
            {
                // Nobody goes on for a step that is lost.
                await stop.CancelAsync();
                throw;
            }
        }
        var work = Task.WhenAll(
            Enumerable.Range(0, Math.Min(workers.Length, completions.Count))
            .Select(w => Task.Run(() => WorkAsync(w), CancellationToken.None)));
        try
        {
            work.GetAwaiter().GetResult();
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            // What made the others stop is what counts.
            throw work.Exception?.InnerExceptions.FirstOrDefault(e => e is not OperationCanceledException) ?? work.Exception!;
        }
        cancel.ThrowIfCancellationRequested();
        return outcomes;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var worker in workers)
            worker?.Dispose();
    }

    private async Task<Outcome> AskAsync(int worker, Completion completion, CancellationToken cancel)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                var process = workers[worker] ??= RewardProcess.Start(config, secretVariables);
                var id = Interlocked.Increment(ref next);
                var limit = TimeSpan.FromSeconds(config.TimeoutSeconds + (process.IsWarm ? 0 : config.StartSeconds));
                var answer = await process.AskAsync(Request(id, completion), limit, cancel);
                if (Outcome(answer, id) is { } outcome)
                    return outcome;
                throw new RewardProcessException(
                    $"the program wrote '{Short(answer)}' where {{\"id\": {id}, \"score\": NUMBER}} was due; what is no answer belongs " +
                        "to its standard error");
            }
            catch (Exception e) when (e is RewardProcessException or InputException or OperationCanceledException)
            {
                // Who has lost the thread is not asked again.
                workers[worker]?.Kill();
                workers[worker]?.Dispose();
                workers[worker] = null;
                // A program that ended, perhaps long ago, may have had nothing to do with this completion: one more try.
                if (e is RewardProcessException { Exited: true } && attempt == 0)
                    continue;
                if (e is RewardProcessException failure)
                    return failure.TimedOut ? Problems.Outcome.TimedOut(e.Message) : Problems.Outcome.Failed(e.Message);
                throw;
            }
        }
    }

    private static string Request(long id, Completion completion) => JsonSerializer.Serialize(new
    {
        id,
        problem = new { id = completion.Problem.Id, prompt = completion.Problem.Prompt, answer = completion.Problem.Answer },
        completion = completion.Text,
        finished = completion.Finished,
    });

    // Null where it is no answer to that request.
    private static Outcome? Outcome(string line, long id)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("id", out var of) || !of.TryGetInt64(out var number)
                || number != id)
                return null;
            if (root.TryGetProperty("abstain", out var why) && why.ValueKind == JsonValueKind.String)
                return Problems.Outcome.Abstained(Short(why.GetString()!));
            if (root.TryGetProperty("error", out why) && why.ValueKind == JsonValueKind.String)
                return Problems.Outcome.Failed($"the program says: {Short(why.GetString()!)}");
            if (!root.TryGetProperty("score", out var score) || !score.TryGetDouble(out var value))
                return null;
            return Problems.Outcome.Scored(value,
                !root.TryGetProperty("wellFormed", out var form) || form.ValueKind != JsonValueKind.False);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    private static string Short(string text) => text.Length <= 200 ? text : text[..200] + "...";
}
