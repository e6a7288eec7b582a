using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Experiments.Runs;

namespace G2RL.Onnx.Cli.Commands.Runs;

/// <summary>Frees the disk of what runs do not need any more, after asking.</summary>
internal static class PruneRuns
{
    public static Command Create()
    {
        var (root, json) = (RunsCommand.Root(), CommonOptions.Json());
        var runs = new Argument<string[]>("runs")
        {
            Description = "Folders of runs; without any, all runs below --output.",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var keep = new Option<int>("--keep-checkpoints")
        {
            Description = "Newest checkpoints that stay; 0 removes all of complete runs, which have their model.",
            HelpName = "N",
            DefaultValueFactory = _ => 1,
        };
        var older = new Option<int>("--older-than") { Description = "Only runs begun at least so many days ago.", HelpName = "DAYS" };
        var artifacts = new Option<bool>("--artifacts") { Description = "Also the graphs; a resumption writes them again." };
        var rollouts = new Option<bool>("--rollouts") { Description = "Also the logged rollouts; nothing brings them back." };
        var whole = new Option<bool>("--whole") { Description = "The whole folders of the runs that are named." };
        var yes = new Option<bool>("--yes") { Description = "Does not ask." };
        var dry = new Option<bool>("--dry-run") { Description = "Only tells what would go." };
        var command = new Command("prune", """
            Removes what runs do not need any more: checkpoints but the newest, on request graphs and rollouts, or whole runs. It tells
            what goes and asks first; runs at work are never touched.

              g2rl runs prune --artifacts
              g2rl runs prune runs/20260101-120000-run --whole --yes
            """)
        {
            runs, root, keep, older, artifacts, rollouts, whole, yes, dry, json,
        };
        command.SetAction(parsed =>
        {
            var (named, count) = (parsed.GetValue(runs)!, parsed.GetValue(keep));
            if (count is < 0 or > 1_000_000)
                throw new InputException($"--keep-checkpoints is {count}; it must be 0 or more.");
            if (parsed.GetValue(older) < 0)
                throw new InputException($"--older-than is {parsed.GetValue(older)}; it must be 0 or more days.");
            if (parsed.GetValue(whole) && named.Length == 0)
                throw new InputException("--whole removes whole runs, so it needs their names: g2rl runs prune RUN --whole.");
            var settings = new PruneSettings(count, parsed.GetValue(artifacts), parsed.GetValue(rollouts), parsed.GetValue(whole));
            var now = TimeProvider.System.GetUtcNow().UtcDateTime;
            var found = (named.Length > 0 ? [.. named.Select(RunFacts.Read)] : RunsCommand.Read(parsed.GetValue(root)!))
                .Where(r => (now - r.Begun).TotalDays >= parsed.GetValue(older)).ToArray();
            foreach (var busy in found.Where(r => r.State == RunState.AtWork))
                Console.Error.WriteLine($"warning: {busy.Folder} is at work and stays as it is.");
            var plans = found.Select(r => (Run: r, Items: RunPruning.Plan(r, settings))).Where(p => p.Items.Count > 0).ToArray();
            var bytes = plans.Sum(p => p.Items.Sum(i => i.Bytes));
            var asJson = parsed.GetValue(json);
            foreach (var item in plans.SelectMany(p => p.Items))
                Console.WriteLine(asJson
                    ? new JsonObject { ["path"] = item.Path, ["bytes"] = item.Bytes }.ToJsonString()
                    : $"{RunsCommand.Size(item.Bytes),12}  {item.Path}");
            if (!asJson)
                Console.WriteLine(plans.Length == 0 ? "Nothing is to be removed." : $"{RunsCommand.Size(bytes),12}  in all");
            if (plans.Length == 0 || parsed.GetValue(dry) || !(parsed.GetValue(yes) || IsConfirmed()))
                return 0;
            foreach (var (run, items) in plans)
                RunPruning.Apply(run, items);
            if (!asJson)
                Console.WriteLine("removed");
            return 0;
        });
        return command;
    }

    private static bool IsConfirmed()
    {
        if (Console.IsInputRedirected)
            throw new InputException("Nothing was removed: nobody is there to be asked. Give --yes to remove it, --dry-run to look only.");
        Console.Write("Remove all of this? [y/N] ");
        return Console.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }
}
