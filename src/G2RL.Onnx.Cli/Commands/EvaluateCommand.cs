using System.CommandLine;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>pass@k of a model.</summary>
internal static class EvaluateCommand
{
    public static Command Create()
    {
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var model = new Option<string?>("--model") { Description = "Hugging Face folder; the configuration's model by default.", HelpName = "FOLDER" };
        var adapter = CommonOptions.Adapter();
        var command = new Command("evaluate", """
            Samples a model on held-out problems and gives pass@1 with its 95 % interval over problems, pass@n, maj@n (n: evaluation.samples) and
            the share of well-formed answers.

              g2rl evaluate --model runs/20260101-120000-run/model --set evaluation.problems=200
              g2rl evaluate --adapter runs/20260101-120000-run/adapter
            """)
        {
            model,
            adapter,
            config,
            set,
            CommonOptions.AllowUnknownConfig,
            json,
        };
        command.SetAction(parsed =>
        {
            var resolved = CommonOptions.Load(parsed, config, set);
            using var source = new ModelSource(parsed.GetValue(model) ?? resolved.Model);
            resolved = resolved with { Model = source.Folder };
            if (parsed.GetValue(adapter) is { } peft)
                resolved = resolved with { Adapter = new() { Type = AdapterKind.Lora, Base = resolved.Adapter.Base, Path = peft } };
            using var interruption = new Interruption();
            using var progress = new ProgressLine(parsed.GetValue(json));
            using var backend = Backends.Open(resolved, progress.Warning);
            var result = Evaluator.Run(resolved, progress: (done, of) => progress.Show("samples", done, of, (double)done / of), backend: backend, cancel: interruption.Token);
            if (parsed.GetValue(json))
                Console.WriteLine(result.ToJson().ToJsonString());
            else
                foreach (var (name, value) in result.ToJson())
                    progress.Line($"{name,-20} {value}");
            return 0;
        });
        return command;
    }
}
