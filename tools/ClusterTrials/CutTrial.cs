using System.Diagnostics;

namespace G2RL.Onnx.Tools.ClusterTrials;

/// <summary>A worker in a network of its own (Linux, as root), whose cable is pulled for 20 s. All members have certificates.</summary>
internal static class CutTrial
{
    private const string Space = "g2rl-trial";

    public static bool Run(FaultTrials trials)
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
            return Findings.Say("network of a worker cut for 20 s", "not tried: it takes Linux and root", isWell: false);
        var trial = trials.Trial;
        Shell($"""
            ip netns add {Space}; ip link add g2rl-a type veth peer name g2rl-b; ip link set g2rl-b netns {Space}
            ip addr add 10.211.0.1/24 dev g2rl-a; ip link set g2rl-a up; ip netns exec {Space} ip addr add 10.211.0.2/24 dev g2rl-b
            ip netns exec {Space} ip link set g2rl-b up; ip netns exec {Space} ip link set lo up
            """);
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
            var (run, folder) = trial.Spread(workers: 2, Tls(1));
            using (run)
            {
                FaultTrials.Await(run, folder);
                Shell("ip link set g2rl-a down");
                var began = Stopwatch.GetTimestamp();
                run.WaitFor(() => run.HasExited || Stopwatch.GetElapsedTime(began).TotalSeconds >= 20);
                Shell("ip link set g2rl-a up");
                var cut = Trial.Works(folder).Length;
                // It is one of us again: somebody with its name gives answers to later works.
                bool IsBack() => Trial.Works(folder).Skip(cut).Any(r => r["shares"]!.AsArray()
                    .Any(s => ((string)s!["name"]!).EndsWith($"-{far.Id}", StringComparison.Ordinal)));
                began = Stopwatch.GetTimestamp();
                run.WaitFor(() => run.HasExited || IsBack());
                var seconds = Trial.Seconds(Stopwatch.GetElapsedTime(began).TotalSeconds);
                var back = IsBack() ? $"at work again {seconds} after the cable was back" : "not at work again before the end";
                return trials.Ends("network of a worker cut for 20 s, TLS", run, folder, back);
            }
        }
        finally
        {
            Shell($"ip netns del {Space}; ip link del g2rl-a 2>/dev/null");
        }
    }

    private static void Shell(string command)
    {
        using var shell = Process.Start("bash", ["-c", command]);
        shell.WaitForExit();
    }
}
