using System.ClientModel;
using System.ClientModel.Primitives;
using System.Globalization;
using Microsoft.Extensions.AI;
using OpenAI;

namespace G2RL.Onnx.Rewards.Judge;

/// <summary>The endpoint gave no reply; the message says why, without the key.</summary>
internal sealed class JudgeException(string message, bool timedOut = false) : Exception(message)
{
    public bool TimedOut => timedOut;
}

/// <summary>Asks a chat client, and asks again where that may help.</summary>
/// <param name="client">The client; it must not try again itself.</param>
/// <param name="config">Tries, waits and times.</param>
/// <param name="key">The key, for nothing but to keep it out of messages.</param>
/// <param name="wait">Waits; a test looks over its shoulder.</param>
/// <param name="clock">The time, for a Retry-After that is a date.</param>
internal sealed class JudgeClient(IChatClient client, JudgeConfig config, string key, Func<TimeSpan, CancellationToken, Task> wait,
    TimeProvider clock) : IDisposable
{
    private const int MostReplyBytes = 8 << 20;

    /// <summary>A client of an OpenAI-compatible endpoint.</summary>
    /// <exception cref="InputException">The key's variable is not set.</exception>
    public static JudgeClient Open(JudgeConfig config, Func<TimeSpan, CancellationToken, Task>? wait = null)
    {
        var key = config.KeyVariable.Length == 0 ? "none" : Environment.GetEnvironmentVariable(config.KeyVariable);
        if (string.IsNullOrWhiteSpace(key))
            throw new InputException(
                $"The judge's key is to be in the environment variable {config.KeyVariable}, which is not set. Set it, or leave the " +
                "reward's keyVariable empty.");
        var options = new OpenAIClientOptions
        {
            Endpoint = new Uri(config.Endpoint),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            Transport = new HttpClientPipelineTransport(
                new HttpClient(new BoundedReplies(MostReplyBytes)) { Timeout = Timeout.InfiniteTimeSpan }),
        };
        var client = new OpenAIClient(new ApiKeyCredential(key), options).GetChatClient(config.Model).AsIChatClient();
        return new(client, config, key, wait ?? Task.Delay, TimeProvider.System);
    }

    /// <summary>The reply to a question.</summary>
    /// <exception cref="JudgeException">No reply, after all tries.</exception>
    public async Task<string> AskAsync(string question, CancellationToken cancel)
    {
        List<ChatMessage> messages = config.System.Length == 0 ? [] : [new(ChatRole.System, config.System)];
        messages.Add(new(ChatRole.User, question));
        var options = new ChatOptions { MaxOutputTokens = config.MaxTokens, Temperature = (float)config.Temperature };
        for (var attempt = 0; ; attempt++)
        {
            var (failure, pause) = ((JudgeException?)null, TimeSpan.FromSeconds(config.BackoffSeconds * Math.Pow(2, attempt)));
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancel);
            timer.CancelAfter(TimeSpan.FromSeconds(config.TimeoutSeconds));
            try
            {
                return (await client.GetResponseAsync(messages, options, timer.Token)).Text;
            }
            catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
            {
                failure = new($"the judge at {config.Endpoint} did not reply within {config.TimeoutSeconds:0.###} s", timedOut: true);
            }
            catch (ClientResultException e) when (e.Status is not 0)
            {
                if (e.Status is not (408 or 429 or >= 500))
                    throw new JudgeException(
                        $"the judge at {config.Endpoint} refuses with {e.Status}: {Clean(e.Message)}{Advice(e.Status)}");
                failure = new($"the judge at {config.Endpoint} says {e.Status}: {Clean(e.Message)}");
                pause = RetryAfter(e) ?? pause;
            }
            catch (Exception e) when (e is not OperationCanceledException)
            {
                failure = new($"the judge at {config.Endpoint} cannot be reached or understood: {Clean(Innermost(e).Message)}");
            }
            if (attempt == config.Retries)
                throw new JudgeException($"{failure.Message}, after {attempt + 1} tries", failure.TimedOut);
            if (pause.TotalSeconds > config.MaxWaitSeconds)
                throw new JudgeException(
                    $"{failure.Message}; the next try is to wait {pause.TotalSeconds:0} s, and maxWaitSeconds is " +
                    $"{config.MaxWaitSeconds:0.###}", failure.TimedOut);
            await wait(pause, cancel);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => client.Dispose();

    private TimeSpan? RetryAfter(ClientResultException e)
    {
        if (e.GetRawResponse()?.Headers.TryGetValue("Retry-After", out var text) is not true)
            return null;
        if (double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var seconds))
            return TimeSpan.FromSeconds(Math.Min(seconds, int.MaxValue));
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? TimeSpan.FromSeconds(Math.Max(0, (at - clock.GetUtcNow()).TotalSeconds))
            : null;
    }

    private string Advice(int status) => status switch
    {
        401 or 403 when config.KeyVariable.Length == 0 =>
            ". It wants a key: put it into an environment variable and name that in keyVariable",
        401 or 403 => $". Look at the key in {config.KeyVariable}",
        404 => ". Look at endpoint (it ends before /chat/completions) and model",
        _ => "",
    };

    // Endpoints echo what they were sent.
    private string Clean(string message)
    {
        var line = message.ReplaceLineEndings(" ").Trim();
        line = key.Length > 4 ? line.Replace(key, "***", StringComparison.Ordinal) : line;
        return line.Length <= 300 ? line : line[..300] + "...";
    }

    private static Exception Innermost(Exception e) => e.InnerException is { } inner ? Innermost(inner) : e;

    // A reply is buffered before anything reads it, up to a limit.
    private sealed class BoundedReplies(int most) : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancel)
        {
            var response = await base.SendAsync(request, cancel);
            await response.Content.LoadIntoBufferAsync(most, cancel);
            return response;
        }
    }
}
