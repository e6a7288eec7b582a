using System.Diagnostics;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>Workers that die, stand still, are slow, cut off or late: the run gives the bytes of one process, and hardly waits.</summary>
internal static class FaultTrials
{
    private const double RecoveryBound = 2;
    private const double JoinBound = 10;

    public static int Run(int kills, int steps, int seed, string only)
    {
        using var trial = new Trial
        {
            Job =
            [
                $"steps={steps}", "sampling.promptsPerStep=8", "sampling.groupSize=16", "evaluation.problems=16", "evaluation.every=0",
                "training.gradientShards=4", "training.checkpointEvery=10",
            ],
        };
        Console.WriteLine("| trial | result | holds |\n|---|---|---|");
        var (alone, aloneFolder) = trial.Start([]);
        using (alone)
            alone.End();
        var expected = Trial.Essence(aloneFolder);
        Trial.Say("one process", expected);
        var isWell = true;
        foreach (var (name, run) in new (string, Func<Trial, string, Random, int, bool>)[]
        {
            ("killed", Killed), ("suspended", Suspended), ("straggler", Straggler), ("cut", Cut), ("late", Late),
        })
            if (name.Contains(only, StringComparison.Ordinal))
                isWell &= run(trial, expected, new Random(seed), kills);
        return isWell ? 0 : 1;
    }

    // The longest draw, scoring or gradients of a run after its first ones, seconds.
    private static double Longest(string folder) =>
        Trial.Rows(folder, "distribution.jsonl").Skip(6).Select(r => (double)r["ms"]! / 1000).DefaultIfEmpty().Max();

    private static (Member Run, string Folder) Begin(Trial trial) => trial.Start(
        [], trial.Members, "distribution.workers=2", "distribution.share=[\"rollouts\",\"scores\",\"gradients\"]");

    private static bool Ends(string name, Trial trial, string expected, Member run, string folder, string further, bool bound = true)
    {
        run.End();
        var (same, counts) = (Trial.Essence(folder) == expected, Trial.AddsUp(folder));
        var sums = Trial.Rows(folder, "distribution.jsonl");
        int Sum(string count) => sums.Sum(r => (int)r[count]!);
        Trial.Say(name, $"{(same ? "same bytes" : "OTHER BYTES")}; sent {Sum("sent")}, first {Sum("first")}, "
            + $"duplicates {Sum("duplicates")}, failures {Sum("failures")}, cancelled {Sum("cancelled")}, "
            + $"here {Sum("here")}; {further}", same && counts && bound);
        return same && counts && bound;
    }

    // Each kill at a random moment while a piece is at work; another worker takes the dead one's place.
    private static bool Killed(Trial trial, string expected, Random random, int kills)
    {
        var (isWell, done, longest) = (true, 0, 0d);
        for (var round = 0; done < kills; round++)
        {
            List<Member> workers = [trial.Worker([]), trial.Worker([])];
            var (run, folder) = Begin(trial);
            using (run)
            {
                run.WaitFor(() => Trial.Rows(folder, "distribution.jsonl").Length >= 4);
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
                isWell &= Ends($"killed, round {round + 1}", trial, expected, run, folder, $"{done} kills so far, longest work "
                    + Trial.Seconds(Longest(folder)));
                longest = Math.Max(longest, Longest(folder));
            }
            workers.ForEach(w => w.Dispose());
        }
        Trial.Say($"{done} kills", $"longest work {Trial.Seconds(longest)}, of which starting another process takes its share");
        return isWell;
    }

    private static bool Suspended(Trial trial, string expected, Random random, int kills)
    {
        using Member still = trial.Worker([]), other = trial.Worker([]);
        var (run, folder) = Begin(trial);
        using (run)
        {
            run.WaitFor(() => Trial.Rows(folder, "distribution.jsonl").Length >= 6);
            still.Signal("STOP");
            var began = Stopwatch.GetTimestamp();
            run.WaitFor(() => run.HasExited || Stopwatch.GetElapsedTime(began).TotalSeconds >= 30);
            still.Signal("CONT");
            var longest = Longest(folder);
            var what = $"longest work {Trial.Seconds(longest)}";
            return Ends("SIGSTOP for 30 s", trial, expected, run, folder, what, longest < RecoveryBound);
        }
    }

    // A tenth of the speed.
    private static bool Straggler(Trial trial, string expected, Random random, int kills)
    {
        using Member slow = trial.Worker([]), other = trial.Worker([]);
        var (run, folder) = Begin(trial);
        using (run)
        {
            run.WaitFor(() => Trial.Rows(folder, "distribution.jsonl").Length >= 6);
            while (!run.HasExited)
            {
                slow.Signal("STOP");
                Thread.Sleep(90);
                slow.Signal("CONT");
                Thread.Sleep(10);
            }
            var longest = Longest(folder);
            return Ends("one worker at a tenth of the speed", trial, expected, run, folder, $"longest work {Trial.Seconds(longest)}");
        }
    }

    // A worker in a network of its own, whose cable is pulled for 20 s.
    private static bool Cut(Trial trial, string expected, Random random, int kills)
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            Trial.Say("cut network", "not tried: it takes Linux and root", isWell: true);
            return true;
        }
        const string Space = "g2rl-trial";
        Shell($"ip netns add {Space}; ip link add g2rl-a type veth peer name g2rl-b; ip link set g2rl-b netns {Space}; "
            + $"ip addr add 10.211.0.1/24 dev g2rl-a; ip link set g2rl-a up; ip netns exec {Space} ip addr add 10.211.0.2/24 dev g2rl-b; "
            + $"ip netns exec {Space} ip link set g2rl-b up; ip netns exec {Space} ip link set lo up");
        try
        {
            var keys = trial.Folder("keys");
            using (var made = Member.Start([], "cluster", "certificate", "--folder", keys, "--member", "member"))
                made.End();
            string[] Tls(int last) =>
            [
                $"distribution.listen=10.211.0.{last}:0", $"distribution.certificate={keys}/member.pem",
                $"distribution.authority={keys}/authority.pem", "distribution.clusterId=cut",
            ];
            using Member far = trial.Worker(["ip", "netns", "exec", Space], Tls(2)), near = trial.Worker([], Tls(1));
            var (run, folder) = trial.Start(
                [],
                [trial.Members, "distribution.workers=2", "distribution.share=[\"rollouts\",\"scores\",\"gradients\"]", .. Tls(1)]);
            using (run)
            {
                run.WaitFor(() => Trial.Rows(folder, "distribution.jsonl").Length >= 6);
                Shell("ip link set g2rl-a down");
                var began = Stopwatch.GetTimestamp();
                run.WaitFor(() => run.HasExited || Stopwatch.GetElapsedTime(began).TotalSeconds >= 20);
                Shell("ip link set g2rl-a up");
                var longest = Longest(folder);
                var what = $"longest work {Trial.Seconds(longest)}";
                return Ends("network cut for 20 s, TLS", trial, expected, run, folder, what, longest < RecoveryBound);
            }
        }
        finally
        {
            Shell($"ip netns del {Space}; ip link del g2rl-a 2>/dev/null");
        }
    }

    // A dead member is still listed when another one joins.
    private static bool Late(Trial trial, string expected, Random random, int kills)
    {
        using Member first = trial.Worker([]), dead = trial.Worker([]);
        var (run, folder) = Begin(trial);
        using (run)
        {
            run.WaitFor(() => Trial.Rows(folder, "distribution.jsonl").Length >= 6);
            dead.Kill();
            var began = Stopwatch.GetTimestamp();
            using var late = trial.Worker([]);
            run.WaitFor(() => run.HasExited || Trial.Rows(folder, "distribution.jsonl")
                .Any(r => r["workers"]!.AsArray().Any(w => ((string)w!).EndsWith($"-{late.Id}", StringComparison.Ordinal))));
            var (seconds, ended) = (Stopwatch.GetElapsedTime(began).TotalSeconds, run.HasExited);
            return Ends("joins while a dead one is listed", trial, expected, run, folder,
                ended ? "the run ended before" : $"at work {Trial.Seconds(seconds)} after its start", !ended && seconds < JoinBound);
        }
    }

    private static void Shell(string command)
    {
        using var shell = Process.Start("bash", ["-c", command]);
        shell.WaitForExit();
    }
}
