using System.Diagnostics;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>Workers that die, stand still, are slow, cut off or late: the run gives the bytes of one process, and hardly waits.</summary>
/// <param name="trial">The run, and the members' meeting place.</param>
/// <param name="expected">What one process gives.</param>
/// <param name="random">Chooses the moments.</param>
internal sealed class FaultTrials(Trial trial, string expected, Random random)
{
    private const double RecoveryBound = 2;
    private const double JoinBound = 10;

    // Works before a fault, so that the first ones, which load models, are over.
    private const int Warm = 6;

    public static bool Run(int kills, int steps, int seed, string only)
    {
        using var trial = new Trial
        {
            Job =
            [
                $"steps={steps}", "sampling.promptsPerStep=8", "sampling.groupSize=16", "evaluation.problems=16", "evaluation.every=0",
                "training.gradientShards=4", "training.checkpointEvery=10", "logging.rolloutsEvery=5",
            ],
        };
        var trials = new FaultTrials(trial, trial.Alone(), new Random(seed));
        var isWell = true;
        foreach (var (name, run) in new (string, Func<bool>)[]
        {
            ("kills", () => trials.Killed(kills, seed)), ("late", trials.Late), ("suspended", trials.Suspended),
            ("straggler", trials.Straggler), ("cut", () => CutTrial.Run(trials)), ("trainer", () => trials.TrainerKilled(seed)),
            ("gone", trials.AllGone), ("stop", trials.AllGoneToStop),
        })
            if (name.Contains(only, StringComparison.Ordinal))
                isWell &= run();
        return isWell;
    }

    /// <summary>The run, and the members' meeting place.</summary>
    public Trial Trial => trial;

    /// <summary>
    /// Waits for the end of a run and tells what became of it. What a fault cost is the longest work beyond the median of its kind.
    /// </summary>
    /// <param name="name">The trial.</param>
    /// <param name="run">The run.</param>
    /// <param name="folder">Its folder.</param>
    /// <param name="further">What else is to be said.</param>
    /// <param name="bound">What recovery may cost, seconds.</param>
    /// <param name="isWell">Whether all else is well.</param>
    public bool Ends(string name, Member run, string folder, string further = "", double bound = RecoveryBound, bool isWell = true)
    {
        run.End();
        var (same, lost) = (Trial.Essence(folder) == expected, Recovery(folder));
        return Findings.Say(
            name,
            $"{(same ? "same bytes" : "OTHER BYTES")}; recovery {Trial.Seconds(lost)}{(further.Length > 0 ? $"; {further}" : "")}; "
                + Trial.Counts(folder),
            same && Trial.AddsUp(folder) && lost < bound && isWell);
    }

    /// <summary>Waits until a run is well under way.</summary>
    public static void Await(Member run, string folder) => run.WaitFor(() => Trial.Works(folder).Length >= Warm);

    private static double Recovery(string folder) => Trial.Works(folder).Skip(Warm)
        .GroupBy(r => (string)r["kind"]!)
        .Select(kind => kind.Select(r => (double)r["ms"]! / 1000).Order().ToArray())
        .Select(seconds => seconds[^1] - seconds[seconds.Length / 2])
        .DefaultIfEmpty().Max();

    // Each kill at a random moment; another worker takes the dead one's place.
    private bool Killed(int kills, int seed)
    {
        var (isWell, done) = (true, 0);
        for (var round = 1; done < kills; round++)
        {
            List<Member> workers = [trial.Worker([]), trial.Worker([])];
            var (run, folder) = trial.Spread(workers: 2);
            using (run)
            {
                Await(run, folder);
                var before = done;
                while (!run.HasExited && done < kills)
                {
                    Thread.Sleep(random.Next(200, 1500));
                    if (run.HasExited)
                        break;
                    var victim = random.Next(workers.Count);
                    workers[victim].Kill();
                    workers[victim].Dispose();
                    workers[victim] = trial.Worker([]);
                    done++;
                }
                isWell &= Ends($"SIGKILL of workers, seed {seed}, run {round}", run, folder, $"{done - before} kills");
            }
            workers.ForEach(w => w.Dispose());
        }
        return isWell;
    }

    private bool Suspended()
    {
        using Member still = trial.Worker([]), other = trial.Worker([]);
        var (run, folder) = trial.Spread(workers: 2);
        using (run)
        {
            Await(run, folder);
            still.Signal("STOP");
            var began = Stopwatch.GetTimestamp();
            run.WaitFor(() => run.HasExited || Stopwatch.GetElapsedTime(began).TotalSeconds >= 30);
            var seconds = Stopwatch.GetElapsedTime(began).TotalSeconds;
            still.Signal("CONT");
            return Ends("SIGSTOP of a worker for 30 s", run, folder, $"stood still for {Trial.Seconds(seconds)} of the run");
        }
    }

    private bool Straggler()
    {
        using Member slow = trial.Worker([]), other = trial.Worker([]);
        var (run, folder) = trial.Spread(workers: 2);
        using (run)
        {
            Await(run, folder);
            while (!run.HasExited)
            {
                slow.Signal("STOP");
                Thread.Sleep(90);
                slow.Signal("CONT");
                Thread.Sleep(10);
            }
            return Ends("a worker at a tenth of the speed", run, folder);
        }
    }

    // A dead member is still listed when another one joins.
    private bool Late()
    {
        using Member first = trial.Worker([]), dead = trial.Worker([]);
        var (run, folder) = trial.Spread(workers: 2);
        using (run)
        {
            Await(run, folder);
            dead.Kill();
            var began = Stopwatch.GetTimestamp();
            using var late = trial.Worker([]);
            run.WaitFor(() => run.HasExited || Trial.Works(folder)
                .Any(r => r["workers"]!.AsArray().Any(w => ((string)w!).EndsWith($"-{late.Id}", StringComparison.Ordinal))));
            var (seconds, ended) = (Stopwatch.GetElapsedTime(began).TotalSeconds, run.HasExited);
            return Ends(
                "a worker joins while a dead one is listed",
                run,
                folder,
                ended ? "the run ended before" : $"at work {Trial.Seconds(seconds)} after its process began",
                isWell: !ended && seconds < JoinBound);
        }
    }

    // Workers stay; each trainer goes on where the one before was saved.
    private bool TrainerKilled(int seed)
    {
        using Member first = trial.Worker([]), second = trial.Worker([]);
        var (run, folder) = trial.Spread(workers: 2);
        for (var kills = 0; ; kills++)
        {
            using (run)
            {
                var before = Trial.Works(folder).Length;
                var begun = run;
                begun.WaitFor(() => Trial.Works(folder).Length >= before + Warm + (kills < 3 ? random.Next(40) : 0));
                if (kills == 3)
                    // Works that the killed trainers had begun again have no accounts; those that follow add up.
                    return Ends($"SIGKILL of the trainer and --resume, seed {seed}", run, folder, $"{kills} times", double.MaxValue);
                run.Kill();
            }
            run = Member.Start([], ["export-and-train", "--resume", folder, "--json"]);
        }
    }

    private bool AllGone()
    {
        using Member first = trial.Worker([]), second = trial.Worker([]);
        var (run, folder) = trial.Spread(workers: 2);
        using (run)
        {
            Await(run, folder);
            first.Kill();
            second.Kill();
            // Until both are voted out, and distribution.aloneSeconds (5) more.
            return Ends("all workers killed, whenAlone=computeHere", run, folder, bound: 12);
        }
    }

    private bool AllGoneToStop()
    {
        using Member first = trial.Worker([]), second = trial.Worker([]);
        var (run, folder) = trial.Spread(workers: 2, "distribution.whenAlone=stop");
        string error;
        using (run)
        {
            Await(run, folder);
            first.Kill();
            second.Kill();
            error = run.Fails();
        }
        using var again = Member.Start([], ["export-and-train", "--resume", folder, "--json", .. Trial.Sets(["distribution.membership="])]);
        return Ends(
            "all workers killed, whenAlone=stop, then --resume on one process",
            again,
            folder,
            error.Contains("No worker of the cluster", StringComparison.Ordinal) ? "ended with a sentence" : $"ENDED WITH {error}",
            double.MaxValue,
            error.Contains("--resume", StringComparison.Ordinal));
    }
}
