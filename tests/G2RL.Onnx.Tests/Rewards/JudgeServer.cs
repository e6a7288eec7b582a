using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;

namespace G2RL.Onnx.Tests.Rewards;

/// <summary>A reply of <see cref="JudgeServer"/>.</summary>
/// <param name="Status">HTTP status.</param>
/// <param name="Body">The body as it is sent.</param>
/// <param name="RetryAfter">The header, if any.</param>
/// <param name="Delay">Time before it is sent.</param>
internal sealed record JudgeReply(int Status, string Body, string? RetryAfter = null, TimeSpan Delay = default)
{
    /// <summary>A chat completion with a text.</summary>
    public static JudgeReply Text(string text) => new(200, JsonSerializer.Serialize(new
    {
        id = "chat-1",
        @object = "chat.completion",
        created = 1_700_000_000,
        model = "judge",
        choices = new[] { new { index = 0, finish_reason = "stop", message = new { role = "assistant", content = text } } },
        usage = new { prompt_tokens = 1, completion_tokens = 1, total_tokens = 2 },
    }));
}

/// <summary>An OpenAI-compatible endpoint on loopback whose replies a test decides.</summary>
internal sealed class JudgeServer : IDisposable
{
    private readonly HttpListener listener = new();
    private readonly Func<int, string, JudgeReply> reply;
    private int requests;
    private int underWay;
    private int mostUnderWay;

    /// <param name="reply">The number of the request, from 1, and what the user said in it, to the reply.</param>
    /// <param name="port">0 takes a free one.</param>
    public JudgeServer(Func<int, string, JudgeReply> reply, int port = 0)
    {
        (this.reply, Port) = (reply, port == 0 ? FreePort() : port);
        listener.Prefixes.Add($"http://127.0.0.1:{Port}/");
        listener.Start();
        _ = AcceptAsync();
    }

    public int Port { get; }

    public string Endpoint => $"http://127.0.0.1:{Port}/v1";

    public int Requests => Volatile.Read(ref requests);

    public int MostUnderWay => Volatile.Read(ref mostUnderWay);

    /// <summary>The last Authorization header.</summary>
    public string? Authorization { get; private set; }

    /// <summary>The last body.</summary>
    public string Body { get; private set; } = "";

    public static int FreePort()
    {
        using var socket = new TcpListener(IPAddress.Loopback, 0);
        socket.Start();
        return ((IPEndPoint)socket.LocalEndpoint).Port;
    }

    public void Dispose() => ((IDisposable)listener).Dispose();

    private async Task AcceptAsync()
    {
        while (listener.IsListening)
        {
            try
            {
                var context = await listener.GetContextAsync();
                _ = Task.Run(() => AnswerAsync(context));
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    private async Task AnswerAsync(HttpListenerContext context)
    {
        var now = Interlocked.Increment(ref underWay);
        InterlockedMax(ref mostUnderWay, now);
        try
        {
            Authorization = context.Request.Headers["Authorization"];
            using var reader = new StreamReader(context.Request.InputStream);
            var body = await reader.ReadToEndAsync();
            Body = body;
            using var document = JsonDocument.Parse(body);
            var user = document.RootElement.GetProperty("messages").EnumerateArray().Last().GetProperty("content");
            var said = user.ValueKind == JsonValueKind.String ? user.GetString()! : user[0].GetProperty("text").GetString()!;
            var answer = reply(Interlocked.Increment(ref requests), said);
            await Task.Delay(answer.Delay);
            context.Response.StatusCode = answer.Status;
            context.Response.ContentType = "application/json";
            if (answer.RetryAfter is not null)
                context.Response.AddHeader("Retry-After", answer.RetryAfter);
            await context.Response.OutputStream.WriteAsync(Encoding.UTF8.GetBytes(answer.Body));
            context.Response.Close();
        }
        catch (Exception e) when (e is HttpListenerException or ObjectDisposedException or IOException or InvalidOperationException)
        {
            // The client has hung up, which some tests want.
        }
        finally
        {
            Interlocked.Decrement(ref underWay);
        }
    }

    private static void InterlockedMax(ref int place, int value)
    {
        for (var seen = Volatile.Read(ref place); value > seen; seen = Volatile.Read(ref place))
            Interlocked.CompareExchange(ref place, value, seen);
    }
}
