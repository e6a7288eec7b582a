using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Cli.Watching;
using G2RL.Onnx.Reports;
using G2RL.Onnx.Reports.Viewing;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Rebuilds a report, or serves it.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("run") { Description = "Folder of a run, for example runs/20260101-120000-run." };
        var beside = new Option<string?>("--beside")
        {
            Description = "Another run to be shown beside it: results, curves, settings and rollouts of both on one page.",
            HelpName = "RUN",
        };
        var (serve, json) = (Serving("--serve", "Serves the page until Ctrl-C instead of writing a file"), CommonOptions.Json());
        var command = new Command("report", """
            Rebuilds report.html of a run from its logs. A file holds at most 8 MB of rollouts; --serve shows every one of a long log, a
            page at a time, and follows a run that is still at work.

              g2rl report runs/20260101-120000-run
              g2rl report runs/20260101-120000-run --serve
              g2rl report runs/20260101-120000-run --beside runs/20260102-120000-run
            """)
        {
            folder, beside, serve, json,
        };
        command.SetAction(parsed =>
        {
            var (run, other, asJson) = (parsed.GetValue(folder)!, parsed.GetValue(beside), parsed.GetValue(json));
            if (parsed.GetResult(serve) is null)
            {
                var path = HtmlReport.Write(run, other);
                Console.WriteLine(asJson ? new JsonObject { ["report"] = path }.ToJsonString() : path);
                return 0;
            }
            using var interruption = new Interruption();
            using var server = PageServer.Start(new RunPage(run, other), parsed.GetValue(serve) ?? 0);
            Console.WriteLine(asJson ? new JsonObject { ["address"] = server.Address }.ToJsonString() : server.Address);
            interruption.Token.WaitHandle.WaitOne();
            return 0;
        });
        return command;
    }

    /// <summary>An option that serves a page, with a port or without.</summary>
    public static Option<int?> Serving(string name, string what) => new(name)
    {
        Description = $"{what}: on 127.0.0.1 alone, for reading alone, at an address that nobody can guess. Without a port it takes one "
            + "that is free.",
        HelpName = "PORT",
        Arity = ArgumentArity.ZeroOrOne,
    };
}
