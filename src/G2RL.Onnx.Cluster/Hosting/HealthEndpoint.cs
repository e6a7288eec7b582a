using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>
/// What a container's probes ask: GET /live answers 200 while the process runs, GET /ready 200 while it is a member that takes work, else
/// 503. It tells nothing else, so that it may be open to whoever reaches it.
/// </summary>
internal sealed class HealthEndpoint : IDisposable
{
    private readonly HttpListener listener = new();
    private readonly Func<(bool Ready, long Pieces)> state;

    /// <summary>Listens.</summary>
    /// <param name="endpoint">Address and port, such as 0.0.0.0:8081.</param>
    /// <param name="state">Whether this member takes work, and how many pieces it has done.</param>
    /// <exception cref="InputException">No address with a port, or one that cannot be listened at.</exception>
    public HealthEndpoint(string endpoint, Func<(bool Ready, long Pieces)> state)
    {
        this.state = state;
        if (!IPEndPoint.TryParse(endpoint, out var at) || at.Port == 0)
            throw new InputException($"--health is '{endpoint}'; it must be an address with a port, such as 0.0.0.0:8081.");
        var host = at.Address.Equals(IPAddress.Any) || at.Address.Equals(IPAddress.IPv6Any) ? "*" : at.Address.ToString();
        try
        {
            listener.Prefixes.Add($"http://{(host.Contains(':', StringComparison.Ordinal) ? $"[{host}]" : host)}:{at.Port}/");
            listener.Start();
        }
        catch (HttpListenerException e)
        {
            throw new InputException($"--health {endpoint} cannot be listened at: {e.Message}", e);
        }
        _ = Task.Run(Serve);
    }

    public void Dispose() => listener.Close();

    private async Task Serve()
    {
        while (listener.IsListening)
            try
            {
                var context = await listener.GetContextAsync();
                var (ready, pieces) = state();
                var path = context.Request.Url?.AbsolutePath;
                context.Response.StatusCode = path switch
                {
                    "/live" => 200,
                    "/ready" => ready ? 200 : 503,
                    _ => 404,
                };
                context.Response.ContentType = "application/json";
                var body = Encoding.UTF8.GetBytes(new JsonObject { ["ready"] = ready, ["pieces"] = pieces }.ToJsonString() + "\n");
                await context.Response.OutputStream.WriteAsync(body);
                context.Response.Close();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException or InvalidOperationException)
            {
                // The caller went away, or this process ends.
            }
    }
}
