using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Evaluation;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The geometry of exploration of a model.</summary>
internal static class GeometryCommand
{
    public static Command Create()
    {
        var defaults = new GeometrySettings();
        var (config, set, json) = (CommonOptions.Config(), CommonOptions.Set(), CommonOptions.Json());
        var model = new Option<string?>("--model")
        {
            Description = "Hugging Face folder; the configuration's model by default.",
            HelpName = "FOLDER",
        };
        var problems = new Option<int>("--problems")
        {
            Description = "Held-out problems.",
            HelpName = "N",
            DefaultValueFactory = _ => defaults.Problems,
        };
        var samples = new Option<int>("--samples")
        {
            Description = "Responses to each, drawn at sampling.temperature.",
            HelpName = "N",
            DefaultValueFactory = _ => defaults.Samples,
        };
        var temperatures = new Option<double[]>("--temperature")
        {
            Description = "Another temperature of p_t in the features, beside sampling.temperature. May be repeated.",
            HelpName = "T",
            DefaultValueFactory = _ => [.. defaults.OtherTemperatures],
        };
        var embedder = new Option<string?>("--embedder")
        {
            Description = "ONNX file of a sentence model for the semantic cosine, its "
            + "tokenizer.json beside it; without it the policy's own mean hidden state.",
            HelpName = "FILE"
        };
        var command = new Command("geometry", """
            Draws responses to held-out problems and gives, over all pairs of responses to the same problem, the cosines of their gradient
            features (mean, share of negative ones, share with |cosine| below 0.1, histogram) with p_t at the sampling temperature and at
            others, and the mean cosine of their mean hidden states.

              g2rl geometry --model runs/20260101-120000-run/model --temperature 0.6
            """)
        {
            model,
            problems,
            samples,
            temperatures,
            embedder,
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
            var settings = new GeometrySettings
            {
                Problems = parsed.GetValue(problems),
                Samples = parsed.GetValue(samples),
                OtherTemperatures = parsed.GetValue(temperatures)!,
                Embedder = parsed.GetValue(embedder) ?? "",
            };
            using var interruption = new Interruption();
            using var progress = new ProgressLine(parsed.GetValue(json));
            foreach (var result in GeometryMeasurement.Run(
                resolved,
                settings,
                progress: (done, of) => progress.Show("samples", done, of, (double)done / of),
                cancel: interruption.Token))
                if (parsed.GetValue(json))
                    Console.WriteLine(result.ToJson().ToJsonString());
                else
                    Show(result, progress);
            return 0;
        });
        return command;
    }

    private static void Show(GeometryResult result, ProgressLine progress)
    {
        foreach (var (name, value) in result.ToJson())
            if (value is not JsonArray)
                progress.Line($"{name,-22} {value}");
        var most = Math.Max(1, result.Histogram.Max());
        // Two bins a line.
        for (var bin = 0; bin < CosineHistogram.Bins; bin += 2)
        {
            var count = result.Histogram[bin] + result.Histogram[bin + 1];
            if (count > 0)
                progress.Line($"{CosineHistogram.Middle(bin) - 0.025,6:0.0} to {CosineHistogram.Middle(bin + 1) + 0.025,4:0.0} {count,7} "
                    + $"{new string('#', (int)(30 * count / most))}");
        }
        progress.Line("");
    }
}
