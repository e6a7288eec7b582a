using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Rollouts.Generation;
using G2RL.Onnx.Tokenizers;
using Microsoft.Extensions.AI;

namespace G2RL.Onnx.Tests;

/// <summary>A policy behind IChatClient says what its sampler says.</summary>
[TestClass]
public sealed class PolicyChatClientTests
{
    private const string Template = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}={% endif %}{% endfor %}";

    private static readonly ChatMessage[] Asked = [new(ChatRole.System, "no"), new(ChatRole.User, "1+2"), new(ChatRole.User, "3")];

    [TestMethod]
    public async Task GetResponse_OptionsOfSampling_AreThoseOfTheSampler()
    {
        using var model = Model();
        using var client = new PolicyChatClient(model.Folder);
        using var policy = Policy.Load(model.Folder, 64);
        var tokenizer = Tokenizer.Load(model.Folder);
        foreach (var (options, sampling) in new (ChatOptions?, G2RL.Onnx.Rollouts.SamplingSettings)[]
        {
            (new() { MaxOutputTokens = 8 }, new()),
            (new() { MaxOutputTokens = 8, Temperature = 0 }, new() { Greedy = true }),
            (new() { MaxOutputTokens = 8, Temperature = 0.5f, Seed = 3 }, new() { Temperature = 0.5 }),
            (new() { MaxOutputTokens = 8, TopK = 2, Seed = 5 }, new() { TopK = 2 }),
            (new() { MaxOutputTokens = 8, TopP = 0.3f, Seed = 5 }, new() { TopP = 0.3f }),
        })
        {
            var expected = policy.Sample(
                tokenizer,
                "1+2=3=",
                settings: new() { MaxNewTokens = 8, StopTokens = [tokenizer.EosId!.Value], Sampling = sampling },
                seed: (ulong)(options!.Seed ?? 0)).Single();
            var response = await client.GetResponseAsync(Asked, options);
            Assert.AreEqual(expected.Text, response.Text, $"{sampling}");
            Assert.AreEqual(expected.Finished ? ChatFinishReason.Stop : ChatFinishReason.Length, response.FinishReason, $"{sampling}");
            Assert.AreEqual(ChatRole.Assistant, response.Messages.Single().Role);
            Assert.AreEqual(model.Folder, response.ModelId);
        }
        // Without a limit it goes on to an end token or the last position.
        Assert.IsGreaterThan(0, (await client.GetResponseAsync(Asked)).Text.Length);
    }

    [TestMethod]
    public async Task GetStreamingResponse_InPieces_IsTheWholeAndEndsBeforeAStopSequence()
    {
        using var model = Model();
        using var client = new PolicyChatClient(model.Folder);
        // The first answer that begins with three different characters.
        var (options, whole) = (new ChatOptions { MaxOutputTokens = 12 }, "");
        for (options.Seed = 0; whole.Take(3).Distinct().Count() < 3; options.Seed++)
            whole = (await client.GetResponseAsync(Asked, options)).Text;
        options.Seed--;
        var pieces = new List<ChatResponseUpdate>();
        await foreach (var update in client.GetStreamingResponseAsync(Asked, options))
            pieces.Add(update);
        Assert.AreEqual(whole, string.Concat(pieces.Select(p => p.Text)));
        Assert.IsTrue(pieces[..^1].All(p => p.Text.Length == 1 && p.FinishReason is null));
        Assert.AreEqual("", pieces[^1].Text);
        foreach (var stop in new[] { whole[..1], whole[1..2] })
        {
            var at = Math.Min(whole.IndexOf(stop, StringComparison.Ordinal), whole.IndexOf(whole[2..3], StringComparison.Ordinal));
            options.StopSequences = [stop, whole[2..3], "never"];
            var cut = await client.GetResponseAsync(Asked, options);
            Assert.AreEqual(whole[..at], cut.Text, stop);
            Assert.AreEqual(ChatFinishReason.Stop, cut.FinishReason);
        }

        // Nothing of a stop string goes out before it is whole, and what only began one is not lost.
        options.StopSequences = [whole[1..3]];
        Assert.AreEqual(whole[..1], (await client.GetResponseAsync(Asked, options)).Text);
        options.StopSequences = [whole[1..2] + "\u0001", whole[^1..] + "\u0001"];
        Assert.AreEqual(whole, (await client.GetResponseAsync(Asked, options)).Text);
    }

    [TestMethod]
    [DataRow("ab", "bc", 1)]
    [DataRow("abc", "bcd|cx", 2)]
    [DataRow("abc", "x|cab", 1)]
    [DataRow("abc", "abx|bcx", 2)]
    [DataRow("ab", "ab|xyzw", 0)] // whole
    [DataRow("a", "aaaa", 1)]
    [DataRow("abc", "x|abcd", 3)]
    [DataRow("a", "", 0)]
    [DataRow("", "ab", 0)]
    public void Begun_EndOfAText_IsTheLongestBeginningOfAStopString(string text, string stops, int length) =>
        Assert.AreEqual(length, StreamedText.Begun(text, stops.Split('|', StringSplitOptions.RemoveEmptyEntries)));

    [TestMethod]
    public async Task GetStreamingResponse_TwoAtOnce_TakeTurnsAndEndWhenCancelled()
    {
        using var model = Model();
        var client = new PolicyChatClient(model.Folder);
        using var cancel = new CancellationTokenSource();
        ChatOptions options = new() { MaxOutputTokens = 20, Temperature = 0 };
        var first = client.GetStreamingResponseAsync(Asked, options).GetAsyncEnumerator(cancel.Token);
        Assert.IsTrue(await first.MoveNextAsync());
        var second = client.GetStreamingResponseAsync(Asked, options).GetAsyncEnumerator(default);
        var waits = second.MoveNextAsync();
        Assert.IsFalse(waits.IsCompleted, "one answer at a time");
        await cancel.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(async () =>
        {
            while (await first.MoveNextAsync())
            {
            }
        });
        Assert.IsTrue(await waits);
        await second.DisposeAsync();
        var policy = client.GetService<Policy>()!;
        client.Dispose();
        Assert.ThrowsExactly<ObjectDisposedException>(() => policy.Parameters[0].Buffer.Pointer);
    }

    [TestMethod]
    public async Task Client_CancelledOrAskedWrongly_StaysUsableAndKnowsWhatItIs()
    {
        using var model = Model();
        using var client = new PolicyChatClient(model.Folder);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAsync<OperationCanceledException>(() => client.GetResponseAsync(Asked, cancellationToken: cancelled.Token));
        await Assert.ThrowsExactlyAsync<InputException>(() => client.GetResponseAsync(Asked, new() { TopP = 2 }));
        Assert.IsNotEmpty((await client.GetResponseAsync(Asked, new() { MaxOutputTokens = 3 })).Text);

        Assert.AreEqual("g2rl", client.GetService<ChatClientMetadata>()!.ProviderName);
        Assert.AreEqual(model.Folder, client.GetService<ChatClientMetadata>()!.DefaultModelId);
        Assert.IsInstanceOfType<Policy>(client.GetService(typeof(Policy)));
        Assert.AreSame(client, client.GetService(typeof(IChatClient)));
        Assert.IsNull(client.GetService(typeof(string)));
        Assert.IsNull(client.GetService(typeof(Policy), "key"));
    }

    private static TinyModel Model()
    {
        var model = new TinyModel();
        File.WriteAllText(Path.Combine(model.Folder, "chat_template.jinja"), Template);
        return model;
    }
}
