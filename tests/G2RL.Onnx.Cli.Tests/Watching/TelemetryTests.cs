namespace G2RL.Onnx.Cli.Tests;

/// <summary>Metrics by OTLP, switched on by the environment alone.</summary>
[TestClass]
public sealed class TelemetryTests
{
    [TestMethod]
    [DataRow("", false, false)]
    [DataRow("OTEL_EXPORTER_OTLP_ENDPOINT=http://x", true, true)]
    [DataRow("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://x", true, false)]
    [DataRow("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://x", false, true)]
    [DataRow("OTEL_METRICS_EXPORTER=otlp", true, false)]
    [DataRow("OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://x", false, true)]
    [DataRow("OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://x", false, false)]
    public void IsWanted_ByTheStandardVariables_SwitchesOnAndOff(string variables, bool metrics, bool traces)
    {
        var set = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        Assert.AreEqual(metrics, Telemetry.IsWanted(set.GetValueOrDefault, "METRICS"));
        Assert.AreEqual(traces, Telemetry.IsWanted(set.GetValueOrDefault, "TRACES"));
    }

    [TestMethod]
    public async Task ExportAndTrain_WithACollector_SendsItsMetrics()
    {
        using var tiny = new TinyRun();
        using var collector = new OtlpCollector();
        using var run = G2rlProcess.Start(collector.Environment, tiny.Train(tiny.Folder("run")));
        run.End().Exits(0);
        var posts = await collector.Received();
        foreach (var part in new[] { "POST /v1/metrics ", "g2rl", "G2RL.Onnx", "reward/mean", "policy/kl_nats", "evaluation/pass_at_1" })
            Assert.Contains(part, posts);
    }
}
