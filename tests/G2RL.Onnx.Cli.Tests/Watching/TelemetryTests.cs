using System.Net;
using System.Net.Sockets;
using System.Text;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>Metrics by OTLP, switched on by the environment alone.</summary>
[TestClass]
public sealed class TelemetryTests
{
    [TestMethod]
    [DataRow("", false)]
    [DataRow("OTEL_EXPORTER_OTLP_ENDPOINT=http://x", true)]
    [DataRow("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://x", true)]
    [DataRow("OTEL_METRICS_EXPORTER=otlp", true)]
    [DataRow("OTEL_METRICS_EXPORTER=none OTEL_EXPORTER_OTLP_ENDPOINT=http://x", false)]
    [DataRow("OTEL_SDK_DISABLED=true OTEL_EXPORTER_OTLP_ENDPOINT=http://x", false)]
    public void IsWanted_ByTheStandardVariables_SwitchesOnAndOff(string variables, bool wanted)
    {
        var set = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(v => v.Split('=')).ToDictionary(v => v[0], v => v[1]);
        Assert.AreEqual(wanted, Telemetry.IsWanted(set.GetValueOrDefault));
    }

    [TestMethod]
    public async Task ExportAndTrain_WithACollector_SendsItsMetrics()
    {
        using var tiny = new TinyRun();
        using var collector = new TcpListener(IPAddress.Loopback, 0);
        collector.Start();
        var received = Task.Run(() => Posts(collector));
        using var run = G2rlProcess.Start(
            [
                ("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://127.0.0.1:{((IPEndPoint)collector.LocalEndpoint).Port}"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
            ],
            tiny.Train(tiny.Folder("run")));
        run.End().Exits(0);
        collector.Stop();
        var posts = await received;
        foreach (var part in new[] { "POST /v1/metrics ", "g2rl", "G2RL.Onnx", "reward/mean", "policy/kl_nats", "evaluation/pass_at_1" })
            Assert.Contains(part, posts);
    }

    // What came, each answered with an empty 200; headers say how long a body is.
    private static async Task<string> Posts(TcpListener collector)
    {
        var all = new StringBuilder();
        try
        {
            for (; ; )
            {
                using var client = await collector.AcceptTcpClientAsync();
                var stream = client.GetStream();
                var (post, buffer) = (new StringBuilder(), new byte[1 << 16]);
                while (!IsWhole(post.ToString()) && await stream.ReadAsync(buffer) is > 0 and var read)
                    post.Append(Encoding.Latin1.GetString(buffer, 0, read));
                all.Append(post);
                await stream.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"u8.ToArray());
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or IOException)
        {
            return all.ToString();
        }
    }

    private static bool IsWhole(string post)
    {
        const string Length = "Content-Length: ";
        var (head, at) = (post.IndexOf("\r\n\r\n", StringComparison.Ordinal), post.IndexOf(Length, StringComparison.OrdinalIgnoreCase));
        return head > 0 && at > 0 && post.Length - head - 4 >= int.Parse(post[(at + Length.Length)..post.IndexOf('\r', at)]);
    }
}
