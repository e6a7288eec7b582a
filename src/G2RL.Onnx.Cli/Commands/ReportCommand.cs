using System.CommandLine;
using G2RL.Onnx.Reports;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>Rebuilds a report.</summary>
internal static class ReportCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("run") { Description = "Folder of a run, for example runs/20260101-120000-run." };
        var command = new Command("report", "Rebuilds report.html of a run from its logs.") { folder };
        command.SetAction(parsed =>
        {
            Console.WriteLine(HtmlReport.Write(parsed.GetValue(folder)!));
            return 0;
        });
        return command;
    }
}
