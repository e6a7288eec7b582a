using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Reports;

/// <summary>What was run, how far it came, and what it took.</summary>
internal static class RunSummary
{
    /// <summary>Writes the head of the page.</summary>
    public static void Write(HtmlWriter html, RunLogs logs, string? folder = null)
    {
        var config = logs.Config;
        string Setting(string section, string name) =>
            config[section] is System.Text.Json.Nodes.JsonObject inner ? RunLogs.Text(inner, name) : "";
        double? Amount(string section, string name) =>
            config[section] is System.Text.Json.Nodes.JsonObject inner ? RunLogs.Number(inner, name) : null;

        html.Leaf("p", "G2RL.Onnx run", "kind");
        html.Leaf("h1", folder ?? (RunLogs.Text(config, "name") is { Length: > 0 } name ? name : "run"));
        using (html.Open("p", "what"))
        {
            html.Foreign(Setting("algorithm", "name"), 80);
            if (Setting("algorithm", "name") == "g2rl")
                html.Foreign($" ({Setting("algorithm", "shaping")})", 80);
            html.Text(" on ");
            html.Foreign(Setting("problems", "set"), 80);
            html.Text(", model ");
            html.Foreign(RunLogs.Text(config, "model"), 200);
            if (Amount("sampling", "promptsPerStep") is { } prompts && Amount("sampling", "groupSize") is { } group)
                html.Text($", {Format.Count(prompts)} prompts \u00d7 {Format.Count(group)} rollouts a step");
            html.Text($", seed {config["seed"]?.ToJsonString()}");
        }
        using var facts = html.Open("div", "status");
        var done = logs.Metrics.Count == 0 ? 0 : RunLogs.Number(logs.Metrics[^1], "step")!.Value;
        var evaluated = logs.Evaluations.Count > 0 && RunLogs.Number(logs.Evaluations[^1], "step") >= logs.PlannedSteps;
        var finished = done >= logs.PlannedSteps && evaluated;
        html.Leaf(
            "span",
            finished ? $"{Format.Steps(done)}, finished" : $"{Format.Count(done)} of {Format.Steps(logs.PlannedSteps)}, not finished",
            finished ? "done" : "open");
        if (logs.Metrics.Count == 0)
            return;
        html.Leaf("span", $"{Format.Seconds(Sum("time/step_s"))} training");
        if (logs.Evaluations.Sum(e => RunLogs.Number(e, "seconds") ?? 0) is > 0 and var seconds)
            html.Leaf("span", $"{Format.Seconds(seconds)} evaluating");
        html.Leaf("span", $"{Format.Count(Sum("response/tokens"))} tokens sampled");

        double Sum(string metric) => logs.Metrics.Sum(r => RunLogs.Number(r, metric) ?? 0);
    }
}
