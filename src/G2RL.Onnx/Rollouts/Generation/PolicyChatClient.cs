using System.Runtime.CompilerServices;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;
using Microsoft.Extensions.AI;
using AskedOptions = Microsoft.Extensions.AI.ChatOptions;
using Turn = G2RL.Onnx.Tokenizers.Chat.ChatMessage;

namespace G2RL.Onnx.Rollouts.Generation;

/// <summary>
/// A model as Microsoft.Extensions.AI's chat client: messages go through its chat template, answers come token by token. One answer at a
/// time. Of the options it takes temperature, top p and k, the limit of tokens, stop strings and the seed.
/// </summary>
public sealed class PolicyChatClient : IChatClient
{
    private const int Positions = 4096;

    private readonly Policy policy;
    private readonly Tokenizer tokenizer;
    private readonly ChatPrompts template;
    private readonly int[] stopTokens;
    private readonly SemaphoreSlim turn = new(1);
    private readonly ChatClientMetadata metadata;

    /// <summary>Opens a model with a chat template.</summary>
    /// <param name="path">A Hugging Face folder, a run, or a checkpoint of one.</param>
    /// <exception cref="InputException">No such model, or one without a chat template.</exception>
    public PolicyChatClient(string path)
    {
        var place = ModelPlace.Of(path);
        using var checkpoint = HuggingFaceCheckpoint.Open(place.Folder);
        tokenizer = Tokenizer.Load(place.Folder);
        TokenizerFit.Require(tokenizer, checkpoint.Spec.VocabularySize, place.Folder);
        template = ChatPrompts.Load(place.Folder, checkpoint.Spec.Architecture);
        stopTokens = checkpoint.GenerationEosTokens();
        policy = place.Load(Math.Min(checkpoint.Spec.MaxPositions, Positions));
        metadata = new("g2rl", defaultModelId: path);
    }

    /// <inheritdoc/>
    /// <exception cref="InputException">The template refuses the messages, or an option is out of range.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages,
        AskedOptions? options = null,
        CancellationToken cancellationToken = default)
    {
        var updates = new List<ChatResponseUpdate>();
        await foreach (var update in GetStreamingResponseAsync(messages, options, cancellationToken).ConfigureAwait(false))
            updates.Add(update);
        return updates.ToChatResponse();
    }

    /// <inheritdoc/>
    /// <exception cref="InputException">The template refuses the messages, or an option is out of range.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<Microsoft.Extensions.AI.ChatMessage> messages,
        AskedOptions? options = null,
        [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        var prompt = tokenizer.Encode(template.Render([.. messages.Select(m => new Turn(m.Role.Value, m.Text))]));
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            using var stream = new StreamingSampler(policy, Settings(options));
            var text = new StreamedText(tokenizer, [.. options?.StopSequences ?? []]);
            var last = -1;
            foreach (var token in stream.Draw(prompt, (ulong)(options?.Seed ?? 0)))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (text.Add(last = token.Token) is { Length: > 0 } piece)
                    yield return Update(piece);
                if (text.IsStopped)
                    break;
            }

            if (text.Rest() is { Length: > 0 } rest)
                yield return Update(rest);
            yield return Update("", text.IsStopped || stopTokens.Contains(last) ? ChatFinishReason.Stop : ChatFinishReason.Length);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null) => serviceKey is not null ? null
        : serviceType == typeof(ChatClientMetadata) ? metadata
        : serviceType == typeof(Policy) ? policy
        : serviceType.IsInstanceOfType(this) ? this : null;

    /// <inheritdoc/>
    public void Dispose()
    {
        policy.Dispose();
        turn.Dispose();
    }

    private ChatResponseUpdate Update(string text, ChatFinishReason? finish = null) =>
        new(ChatRole.Assistant, text) { FinishReason = finish, ModelId = metadata.DefaultModelId };

    private SamplerSettings Settings(AskedOptions? options) => new()
    {
        Sampling = new SamplingSettings
        {
            Temperature = options?.Temperature is null or 0 ? 1 : options.Temperature.Value,
            Greedy = options?.Temperature == 0,
            TopP = options?.TopP ?? 1,
            TopK = options?.TopK ?? 0,
        },
        MaxNewTokens = options?.MaxOutputTokens ?? 512,
        StopTokens = stopTokens,
        Threads = Environment.ProcessorCount,
    };
}
