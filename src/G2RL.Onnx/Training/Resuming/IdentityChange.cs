using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Training.Resuming;

/// <summary>What a resumed run finds instead of what it began with.</summary>
/// <param name="Faults">Differences that would change the results; the run is refused for them.</param>
/// <param name="Files">Files that hold other bytes now.</param>
internal sealed record IdentityChange(IReadOnlyList<string> Faults, IReadOnlyList<string> Files)
{
    /// <summary>Compares.</summary>
    /// <param name="was">When the run began.</param>
    /// <param name="now">Now.</param>
    /// <param name="config">Names the model and the problems.</param>
    public static IdentityChange Between(RunIdentity was, RunIdentity now, RunConfig config)
    {
        var files = was.Files.Keys.Union(now.Files.Keys)
            .Order(StringComparer.Ordinal)
                .Where(name => was.Files.GetValueOrDefault(name) != now.Files.GetValueOrDefault(name))
            .Select(name => Told(name, was, now))
            .ToArray();
        var faults = new List<string>();
        if (was.Weights != now.Weights)
            faults.Add($"{config.Model}: the run began with other weights ({was.Weights}) than the model now has ({now.Weights})");
        var (before, after) = (ConfigSettings.Flat(was.Architecture), ConfigSettings.Flat(now.Architecture));
        faults.AddRange(before.Keys.Union(after.Keys).Order(
            StringComparer.Ordinal).Where(k => before.GetValueOrDefault(k) != after.GetValueOrDefault(k))
            .Select(k => $"{config.Model}: the model's {k} was {before.GetValueOrDefault(k, "(none)")} and is "
                + $"{after.GetValueOrDefault(k, "(none)")}"));
        if (!was.StopTokens.SequenceEqual(now.StopTokens))
            faults.Add($"{config.Model}: tokens [{string.Join(", ", was.StopTokens)}] ended a rollout, and now "
                + $"[{string.Join(", ", now.StopTokens)}] do");
        if (was.Tokens != now.Tokens)
            faults.Add($"{config.Model}: the tokenizer's tokens have other texts");
        var (sameTraining, sameHeldOut) = (was.TrainingProblems == now.TrainingProblems, was.HeldOutProblems == now.HeldOutProblems);
        if (!sameTraining || !sameHeldOut)
        {
            var which = sameTraining ? "held-out problems" : sameHeldOut ? "training problems" : "problems";
            var count = was.ProblemCount == now.ProblemCount ? "" : $", {now.ProblemCount} in all and not {was.ProblemCount}";
            faults.Add($"the {which} or the tokens of their prompts are others{count}");
        }
        if (was.Files.GetValueOrDefault(Embedder) != now.Files.GetValueOrDefault(Embedder))
            faults.Add($"{config.Algorithm.Embedder} is another embedder");
        return new(faults, files);
    }

    private const string Embedder = "algorithm.embedder";

    private static string Told(string name, RunIdentity was, RunIdentity now)
    {
        string Short(RunIdentity of) => of.Files.TryGetValue(name, out var hash) ? hash[..12] : "missing";
        return $"{name} ({Short(was)} -> {Short(now)})";
    }
}
