using System.Diagnostics;
using Spectre.Console;

namespace G2RL.Onnx.Tools.KillAndResume;

/// <summary>Runs of one job, one of them left alone.</summary>
/// <param name="folder">Receives the runs' folders.</param>
/// <param name="job">Arguments of export-and-train.</param>
/// <param name="seed">Seed of the moments.</param>
internal sealed class Experiment(string folder, string[] job, int seed)
{
    private readonly Random random = new(seed);
    private int inEvaluation;

    /// <summary>Kills runs until there were enough kills; true when every run ended in the same bytes.</summary>
    public bool Run(int kills)
    {
        var started = Stopwatch.GetTimestamp();
        var whole = Path.Combine(folder, "whole");
        using (var life = Life.Start([.. job, "--run", whole]))
            life.End();
        var alone = Stopwatch.GetElapsedTime(started);
        var expected = RunResult.Read(whole);
        Console.WriteLine($"left alone: {alone.TotalSeconds:0.0} s, {expected.Metrics.Length} steps, model {expected.ModelHash[..16]}");

        var table = new Table().AddColumns("run", "killed after s (steps logged, last checkpoint)", "weights", "metrics", "evaluations",
            "rollouts");
        var (equal, done) = (true, 0);
        for (var run = 1; done < kills; run++)
        {
            var target = Path.Combine(folder, $"killed-{run:D2}");
            var moments = new List<string>();
            while (!Live(target, alone, done < kills, moments))
                done++;
            var result = RunResult.Read(target);
            var (weights, metrics, evaluations, rollouts) = (result.SameWeights(expected), result.Metrics.SequenceEqual(expected.Metrics),
                result.Evaluations.SequenceEqual(expected.Evaluations), result.Rollouts.SequenceEqual(expected.Rollouts));
            var same = weights && metrics && evaluations && rollouts;
            equal &= same;
            table.AddRow(
                $"{run}",
                moments.Count == 0 ? "(ended before its moment)" : string.Join("; ", moments),
                Word(weights),
                Word(metrics),
                Word(evaluations),
                Word(rollouts));
            Console.WriteLine($"run {run}: {moments.Count} kills, {(same ? "equal" : "DIFFERENT")}; "
                + $"{done} of {kills} kills after {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
        }
        AnsiConsole.Write(table);
        Console.WriteLine($"{done} kills, {inEvaluation} of them during an evaluation, "
            + $"{(equal ? "every run equals the one left alone" : "DIFFERENCES, see above")}, "
            + $"{Stopwatch.GetElapsedTime(started).TotalSeconds:0} s in all.");
        return equal;
    }

    // One life of a run; true when it came to its end.
    private bool Live(string target, TimeSpan alone, bool mayBeKilled, List<string> moments)
    {
        // Killed before its first write, a run is no run yet: it is started again.
        var begun = File.Exists(Path.Combine(target, "config.json"));
        using var life = Life.Start(begun ? ["--resume", target] : [.. job, "--run", target]);
        var moment = alone * random.NextDouble();
        if (!mayBeKilled || life.Ends(moment))
        {
            life.End();
            return true;
        }
        life.Kill();
        var evaluating = RunResult.IsEvaluating(target);
        inEvaluation += evaluating ? 1 : 0;
        moments.Add($"{moment.TotalSeconds:0.00} ({RunResult.StepsLogged(target)}, "
            + $"{RunResult.LastCheckpoint(target)}{(evaluating ? ", evaluating" : "")})");
        return false;
    }

    private static string Word(bool same) => same ? "equal" : "DIFFERENT";
}
