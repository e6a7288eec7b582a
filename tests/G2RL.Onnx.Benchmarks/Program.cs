using System.CommandLine;
using G2RL.Onnx;
using G2RL.Onnx.Benchmarks;

var filter = new Option<string>("--filter")
{
    Description = "Only benchmarks whose name contains this: "
    + "machine, product, decode-small, decode-large, score, train, adamw, roofline, growth, memory, g2rl-parts, g2rl-share, g2rl-large, "
    + "countdown, answers, mutated-answers, tokenizer, trackers.",
    HelpName = "TEXT",
    DefaultValueFactory = _ => ""
};
var seconds = new Option<double>("--seconds")
{
    Description = "Time for one measurement; it is repeated three times at least.",
    HelpName = "S",
    DefaultValueFactory = _ => 2,
};
var threads = new Option<int>("--threads") { Description = "Threads; 0 means every core.", HelpName = "N" };
var json = new Option<bool>("--json") { Description = "Prints one JSON object a row, as each is done." };
var markdown = new Option<bool>("--markdown") { Description = "Prints the table that docs/performance.md holds." };
var from = new Option<string>("--from")
{
    Description = "Takes the rows of an earlier run, a file that --json wrote, instead of measuring.",
    HelpName = "FILE",
    DefaultValueFactory = _ => "",
};
var plots = new Option<string>("--plots")
{
    Description = "Writes roofline.svg and growth.svg, of those that there are rows for, into a folder.",
    HelpName = "FOLDER",
    DefaultValueFactory = _ => "",
};
var probe = new Option<string>("--probe") { Hidden = true, DefaultValueFactory = _ => "" };
var root = new RootCommand("Speed of sampling, scoring, training and of the method, each beside its physical limit measured in the same "
    + "run.") { filter, seconds, threads, json, markdown, from, plots, probe };
root.SetAction(parsed =>
{
    if (parsed.GetValue(probe) is { Length: > 0 } request)
    {
        if (request.StartsWith("run;", StringComparison.Ordinal))
            RunProbe.Answer(request);
        else if (request.StartsWith("nodes;", StringComparison.Ordinal))
            NodeProbe.Answer(request, parsed.GetValue(threads) is > 0 and var some ? some : Environment.ProcessorCount);
        else
            MemoryProbe.Answer(request);
        return;
    }
    if (!(parsed.GetValue(seconds) is > 0 and < 3600) || parsed.GetValue(threads) < 0)
        throw new InputException($"--seconds is {parsed.GetValue(seconds)} and --threads {parsed.GetValue(threads)}; "
            + "give above 0 and below 3600 seconds, and 0 threads (every core) or more.");
    var chosen = BenchmarkTable.All.Where(b => b.Name.Contains(parsed.GetValue(filter)!, StringComparison.OrdinalIgnoreCase)).ToArray();
    if (chosen.Length == 0)
        throw new InputException($"No benchmark's name contains '{parsed.GetValue(filter)}'. There are: "
            + $"{string.Join(", ", BenchmarkTable.All.Select(b => b.Name))}.");
    var machine = new Machine(parsed.GetValue(threads) is > 0 and var count ? count : Environment.ProcessorCount, parsed.GetValue(seconds));
    var rows = new List<Row>();
    var isRead = parsed.GetValue(from)!.Length > 0;
    if (isRead)
        rows.AddRange(Output.Read(parsed.GetValue(from)!).Where(r => r.Group.Contains(
            parsed.GetValue(filter)!,
            StringComparison.OrdinalIgnoreCase)));
    else
        Console.Error.WriteLine(Output.Where(machine));
    foreach (var (name, run) in isRead ? [] : chosen)
    {
        Console.Error.WriteLine($"{name} ...");
        foreach (var row in run(machine))
        {
            rows.Add(row);
            if (parsed.GetValue(json))
                Output.Json(row);
        }
    }
    var where = isRead ? "" : Output.Where(machine);
    if (parsed.GetValue(markdown))
        Output.Markdown(rows, where);
    else if (!parsed.GetValue(json))
        Output.Table(rows, where);
    if (parsed.GetValue(plots) is { Length: > 0 } folder)
        Plots.Write(rows, folder);
});
try
{
    return root.Parse(args).Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (InputException e)
{
    Console.Error.WriteLine(e.Message);
    return 2;
}
