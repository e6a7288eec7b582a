using G2RL.Onnx.Training.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace G2RL.Onnx.Cli;

/// <summary>
/// Sends a run's metrics by OTLP where OpenTelemetry's own environment variables say so: OTEL_EXPORTER_OTLP_ENDPOINT (or
/// OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, or OTEL_METRICS_EXPORTER=otlp) switches it on; protocol, headers, interval and resource follow the
/// others. Source: opentelemetry.io, "SDK environment variables".
/// </summary>
internal static class Telemetry
{
    private static readonly string[] Endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"];

    /// <summary>Whether the environment asks for it.</summary>
    /// <param name="variable">Value of an environment variable, or null.</param>
    internal static bool IsWanted(Func<string, string?> variable) =>
        !string.Equals(variable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)
            && variable("OTEL_METRICS_EXPORTER") switch
            {
                null or "" => Endpoints.Any(e => !string.IsNullOrEmpty(variable(e))),
                var exporters => exporters.Split(',', StringSplitOptions.TrimEntries).Contains("otlp"),
            };

    /// <summary>Begins to send; disposing sends what is left. Null where nothing is to be sent.</summary>
    public static IDisposable? Start() => IsWanted(Environment.GetEnvironmentVariable) ? Sending() : null;

    private static MeterProvider Sending()
    {
        var builder = Sdk.CreateMeterProviderBuilder().AddMeter(StepMetrics.Meter).AddOtlpExporter();
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME")))
            builder.ConfigureResource(r => r.AddService("g2rl"));
        return builder.Build();
    }
}
