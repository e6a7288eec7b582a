using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cluster.Planning;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>One worker and two, a core each.</summary>
internal static class SpeedTrials
{
    public static bool Run(string only)
    {
        var isWell = true;
        foreach (var (name, run) in new (string, Func<bool>)[] { ("step", Step), ("evaluation", Evaluation), ("compare", Compare) })
            if (name.Contains(only, StringComparison.Ordinal))
                isWell &= run();
        return isWell;
    }

    // arithmetic-base as the main job has it: what a step takes beside its work, and what the simulator says of two workers.
    private static bool Step()
    {
        using var trial = new Trial { Job = ["steps=14", "evaluation.problems=8", "evaluation.every=0", "logging.rolloutsEvery=0"] };
        double[] overhead = new double[2], seconds = new double[2];
        var costs = new StepCosts[2];
        var local = 0d;
        {
            var (run, folder) = trial.Start(["taskset", "-c", "0"]);
            using (run)
                run.End();
            local = Trial.Rows(folder, "metrics.jsonl").Skip(3).Average(r => (double)r["time/step_s"]!);
        }
        for (var count = 1; count <= 2; count++)
        {
            var workers = Enumerable.Range(0, count).Select(i => trial.Worker(["taskset", "-c", $"{i}"])).ToArray();
            var (run, folder) = trial.Start(["taskset", "-c", "0,1"], trial.Members, $"distribution.workers={count}");
            using (run)
                run.End();
            (costs[count - 1], seconds[count - 1], _) = MeasuredRun.Read(folder);
            // Beside the work of the busiest worker: messages, hashes, weights and their way.
            overhead[count - 1] = MeasuredRun.Steady(Trial.Works(folder)).Sum(r => (double)r["ms"]!
                - r["shares"]!.AsArray().Select(s => (double)s!["work_ms"]!).DefaultIfEmpty().Max()) / 11;
            foreach (var worker in workers)
                worker.Dispose();
        }
        Findings.Say("a step on one core, one process", Trial.Seconds(local));
        Findings.Say("with one worker", $"{Trial.Seconds(seconds[0])}, of which {Text(overhead[0])} ms beside its work", overhead[0] < 20);
        Findings.Say("with two workers", $"{Trial.Seconds(seconds[1])}, of which {Text(overhead[1])} ms beside their work");
        var isWell = overhead[0] < 20;
        for (var count = 1; count <= 2; count++)
        {
            var said = ClusterSimulator.Run(costs[0], new() { Workers = count }).StepSeconds;
            var off = (said / seconds[count - 1]) - 1;
            Findings.Say(
                $"simulated from the run with one worker, {count} workers",
                $"{Trial.Seconds(said)}, {Text(100 * off)} % off",
                Math.Abs(off) < 0.2);
            isWell &= Math.Abs(off) < 0.2;
        }
        return isWell;
    }

    // Workers stay, so an evaluation is measured by such as have the model, and once more by such as still load it.
    private static bool Evaluation()
    {
        using var trial = new Trial { Job = [] };
        double[] cold = new double[2], warm = new double[2];
        var answers = new HashSet<string>();
        double Evaluate(int count)
        {
            using var run = Member.Start(
                [],
                "evaluate", "--json", "--model", "models/arithmetic-base", "--set", "evaluation.problems=500",
                "--set", "evaluation.samples=8", "--set", "execution.threads=1",
                "--set", trial.Members, "--set", $"distribution.workers={count}");
            var result = JsonNode.Parse(run.End())!.AsObject();
            var seconds = (double)result["seconds"]!;
            result.Remove("seconds");
            answers.Add(result.ToJsonString());
            return seconds;
        }
        for (var count = 1; count <= 2; count++)
        {
            var workers = Enumerable.Range(0, count).Select(i => trial.Worker(["taskset", "-c", $"{i}"])).ToArray();
            (cold[count - 1], warm[count - 1]) = (Evaluate(count), Evaluate(count));
            foreach (var worker in workers)
                worker.Dispose();
        }
        var isWell = answers.Count == 1 && warm[0] / warm[1] >= 1.5;
        Findings.Say(
            "evaluation of 4,000 rollouts, one worker and two",
            $"{(answers.Count == 1 ? "same results" : "OTHER RESULTS")}; {Trial.Seconds(warm[0])}, {Trial.Seconds(warm[1])}: "
                + $"{Text(warm[0] / warm[1])} times; where they load the model first {Trial.Seconds(cold[0])}, {Trial.Seconds(cold[1])}",
            isWell);
        return isWell;
    }

    private static bool Compare()
    {
        var seconds = new double[2];
        for (var count = 1; count <= 2; count++)
        {
            // Runs of a length at which their start is not what is measured.
            // A meeting place of its own: who joins while a dead worker is listed is FaultTrials' matter.
            using var trial = new Trial { Job = [] };
            var workers = Enumerable.Range(0, count).Select(i => trial.Worker(["taskset", "-c", $"{i}"])).ToArray();
            var folder = trial.Folder($"compare-{count}");
            seconds[count - 1] = Trial.Timed(() => Experiment.Run(trial, folder, seeds: 4, count, steps: 160));
            foreach (var worker in workers)
                worker.Dispose();
        }
        var ratio = seconds[0] / seconds[1];
        Findings.Say(
            "compare of 8 runs, one worker and two",
            $"{Trial.Seconds(seconds[0])}, {Trial.Seconds(seconds[1])}: {Text(ratio)} times",
            ratio >= 1.8);
        return ratio >= 1.8;
    }

    private static string Text(double value) => value.ToString("F2", CultureInfo.InvariantCulture);
}
