using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Reports;

namespace G2RL.Onnx.Tests.Reports;

/// <summary>A run's folder whose logs a test writes itself; to have four steps.</summary>
internal sealed class RunFolder : IDisposable
{
    public RunFolder(Func<RunConfig, RunConfig>? change = null)
    {
        Folder = Directory.CreateTempSubdirectory("g2rl-report-").FullName;
        var config = new RunConfig { Steps = 4 };
        File.WriteAllText(Path.Combine(Folder, "config.json"), RunConfigFile.ToJson(change?.Invoke(config) ?? config));
    }

    public string Folder { get; }

    public void Append(string log, JsonObject row) => AppendText(log, row.ToJsonString() + "\n");

    public void AppendText(string log, string text)
    {
        var path = Path.Combine(Folder, log);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.AppendAllText(path, text);
    }

    /// <summary>Logs of a run that went well, with numbers that follow from the step.</summary>
    public void Fill(int steps)
    {
        string[] metrics =
        [
            "reward/mean", "reward/shaped_mean", "reward/right_share", "reward/well_formed_share", "reward/homogeneous_share",
            "response/length_mean", "response/length_p95", "response/truncated_share", "response/tokens", "policy/sampling_entropy_nats",
            "policy/entropy_nats", "policy/kl_nats", "policy/clip_share", "policy/gradient_norm", "policy/learning_rate", "g2rl/nu_mean",
            "g2rl/nu_min", "g2rl/nu_max", "g2rl/cosine_mean", "g2rl/cosine_negative_share", "mismatch/sampler_trainer_max_nats",
            "mismatch/first_ratio_max_nats", "mismatch/allowed_nats", "speed/sample_tokens_per_s", "time/sample_s", "time/reward_s",
            "time/score_s", "time/features_s", "time/train_s", "time/step_s",
        ];
        for (var step = 1; step <= steps; step++)
        {
            var row = new JsonObject { ["step"] = step };
            foreach (var (name, i) in metrics.Select((m, i) => (m, i)))
                row[name] = 0.5 + (0.5 * Math.Sin(i + (0.3 * step)));
            Append("metrics.jsonl", row);
        }
        foreach (var step in new[] { 0, steps })
            Append("evaluations.jsonl", new JsonObject
            {
                ["step"] = step,
                ["problems"] = 10,
                ["samples"] = 4,
                ["pass@1"] = 0.4,
                ["pass@1_low"] = 0.3,
                ["pass@1_high"] = 0.5,
                ["pass@1_well_formed"] = 0.45,
                ["seconds"] = 1,
            });
        foreach (var step in new[] { 1, steps })
            for (var sample = 0; sample < 6; sample++)
                Append(Path.Combine("rollouts", $"step-{step:D6}.jsonl"), new JsonObject
                {
                    ["step"] = step,
                    ["prompt_index"] = 0,
                    ["sample"] = sample,
                    ["prompt"] = "1+2=",
                    ["text"] = $"{sample}",
                    ["answer"] = "3",
                    ["outcome"] = "Score",
                    ["reward"] = sample == 3 ? 1 : -1,
                    ["finish"] = "StopToken",
                    ["tokens"] = 2,
                    ["shaped"] = 0.5,
                    ["nu"] = 0.7,
                    ["advantage"] = sample - 2.5,
                });
    }

    public string Report() => File.ReadAllText(HtmlReport.Write(Folder));

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
