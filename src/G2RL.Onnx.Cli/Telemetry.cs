using G2RL.Onnx.Training.Logging;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace G2RL.Onnx.Cli;

/// <summary>
/// Sends metrics and traces by OTLP where OpenTelemetry's own environment variables say so: OTEL_EXPORTER_OTLP_ENDPOINT switches on both,
/// OTEL_EXPORTER_OTLP_METRICS_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT or OTEL_METRICS_EXPORTER=otlp and OTEL_TRACES_EXPORTER=otlp
/// one of them; protocol, headers, interval and resource follow the others. Source: opentelemetry.io, "SDK environment variables".
/// </summary>
internal sealed class Telemetry : IDisposable
{
    private const string Cluster = "G2RL.Onnx.Cluster";

    // Calls between members: a piece's span continues at its worker by theirs.
    private const string Calls = "Microsoft.Orleans.Application";

    private readonly MeterProvider? meters;
    private readonly TracerProvider? traces;

    private Telemetry(bool metrics, bool spans)
    {
        var resource = ResourceBuilder.CreateDefault();
        if (string.IsNullOrEmpty(Environment.GetEnvironmentVariable("OTEL_SERVICE_NAME")))
            resource.AddService("g2rl");
        if (metrics)
            meters = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource)
                .AddMeter(StepMetrics.Meter, Cluster).AddOtlpExporter().Build();
        if (spans)
            traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource)
                .AddSource(Cluster, Calls).AddOtlpExporter().Build();
    }

    /// <summary>Whether the environment asks for a signal.</summary>
    /// <param name="variable">Value of an environment variable, or null.</param>
    /// <param name="signal">METRICS or TRACES.</param>
    internal static bool IsWanted(Func<string, string?> variable, string signal) =>
        !string.Equals(variable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase)
            && variable($"OTEL_{signal}_EXPORTER") switch
            {
                null or "" => !string.IsNullOrEmpty(variable("OTEL_EXPORTER_OTLP_ENDPOINT"))
                    || !string.IsNullOrEmpty(variable($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")),
                var exporters => exporters.Split(',', StringSplitOptions.TrimEntries).Contains("otlp"),
            };

    /// <summary>Begins to send; disposing sends what is left. Null where nothing is to be sent.</summary>
    public static IDisposable? Start()
    {
        bool Wants(string signal) => IsWanted(Environment.GetEnvironmentVariable, signal);
        return Wants("METRICS") || Wants("TRACES") ? new Telemetry(Wants("METRICS"), Wants("TRACES")) : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        meters?.Dispose();
        traces?.Dispose();
    }
}
