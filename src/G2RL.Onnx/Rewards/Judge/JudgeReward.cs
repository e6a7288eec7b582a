using System.Globalization;
using System.Text.RegularExpressions;
using G2RL.Onnx.Problems;
using Microsoft.Extensions.AI;

namespace G2RL.Onnx.Rewards.Judge;

/// <summary>Marks of a language model as rewards from 0 to 1, see <see cref="JudgeConfig"/>.</summary>
internal sealed class JudgeReward : IReward
{
    private readonly JudgeConfig config;
    private readonly JudgeClient client;
    private readonly JudgeCache cache;
    private readonly Regex pattern;

    /// <summary>Opens the configured endpoint; nothing is sent yet.</summary>
    /// <exception cref="InputException">The key's environment variable is not set.</exception>
    public JudgeReward(JudgeConfig config)
        : this(config, JudgeClient.Open(config))
    {
    }

    /// <summary>Asks a chat client of one's own.</summary>
    /// <param name="config">Everything but endpoint and key, which only name the replies in the cache.</param>
    /// <param name="client">The client; disposed of with the reward. It must not try again itself.</param>
    public JudgeReward(JudgeConfig config, IChatClient client)
        : this(config, new JudgeClient(client, config, "", Task.Delay, TimeProvider.System))
    {
    }

    internal JudgeReward(JudgeConfig config, JudgeClient client) =>
        (this.config, this.client, cache, pattern) = (config, client, new JudgeCache(config.Cache), LinearRegex.Of(config.Pattern));

    /// <inheritdoc/>
    public Outcome[] Score(IReadOnlyList<Completion> completions, RewardTally tally, CancellationToken cancel)
    {
        var outcomes = new Outcome[completions.Count];
        // Equal responses have one reply.
        var questions = Enumerable.Range(0, completions.Count)
            .GroupBy(i => config.Ask(completions[i]), StringComparer.Ordinal).Select(g => (Text: g.Key, Indices: g.ToArray()));
        var parallel = new ParallelOptions { MaxDegreeOfParallelism = config.Concurrency, CancellationToken = cancel };
        try
        {
            Parallel.ForEachAsync(questions, parallel, async (question, stop) =>
            {
                var outcome = await AskAsync(question.Text, stop);
                foreach (var i in question.Indices)
                {
                    outcomes[i] = outcome;
                    tally.Add(outcome);
                }
            }).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            cancel.ThrowIfCancellationRequested();
            throw;
        }
        return outcomes;
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    /// <summary>The reward of a reply: its last mark, from 0 to 1; an error where it holds none within the bounds.</summary>
    public Outcome Read(string reply)
    {
        var match = pattern.Matches(reply).LastOrDefault();
        if (match is null)
            return Outcome.Failed($"the judge's reply holds no mark (pattern '{config.Pattern}'): '{Short(reply)}'");
        var text = match.Groups[1].Value;
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var mark)
            || !(mark >= config.LowestMark && mark <= config.HighestMark))
            return Outcome.Failed($"the judge's mark is '{Short(text)}'; marks go from {config.LowestMark} to {config.HighestMark}");
        return Outcome.Scored((mark - config.LowestMark) / (config.HighestMark - config.LowestMark));
    }

    private async Task<Outcome> AskAsync(string question, CancellationToken cancel)
    {
        var key = JudgeCache.Key(config, question);
        var reply = cache.Find(key);
        if (reply is null)
        {
            try
            {
                reply = await client.AskAsync(question, cancel);
            }
            catch (JudgeException e)
            {
                return e.TimedOut ? Outcome.TimedOut(e.Message) : Outcome.Failed(e.Message);
            }
            cache.Keep(key, config.Model, reply);
        }
        return Read(reply);
    }

    private static string Short(string text)
    {
        var line = text.ReplaceLineEndings(" ").Trim();
        return line.Length <= 120 ? line : "..." + line[^120..];
    }
}
