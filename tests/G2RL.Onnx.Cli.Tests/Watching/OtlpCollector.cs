using System.Net;
using System.Net.Sockets;
using System.Text;

namespace G2RL.Onnx.Cli.Tests;

/// <summary>Takes what OTLP exporters send over HTTP on loopback, and answers that all is well.</summary>
internal sealed class OtlpCollector : IDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly Task<string> received;

    public OtlpCollector()
    {
        listener.Start();
        received = Task.Run(Listen);
    }

    /// <summary>The variables that have a process send here.</summary>
    public (string, string)[] Environment =>
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ];

    /// <summary>Ends it; gives all that came, each byte as a character.</summary>
    public Task<string> Received()
    {
        listener.Stop();
        return received;
    }

    public void Dispose() => listener.Dispose();

    // What came, each answered with an empty 200; headers say how long a body is.
    private async Task<string> Listen()
    {
        var all = new StringBuilder();
        try
        {
            for (; ; )
            {
                using var client = await listener.AcceptTcpClientAsync();
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
