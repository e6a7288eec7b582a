using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Cli.Sampling;

/// <summary>A model that is asked: its weights, tokenizer and, in a conversation, template.</summary>
internal sealed class Speaker : IDisposable
{
    private const string DefaultSystem = "You are a helpful assistant.";

    private readonly ModelSource source;
    private readonly Policy policy;
    private readonly StreamingSampler stream;
    private readonly ChatPrompts? chat;
    private readonly string? system;
    private readonly string[] stops;

    /// <summary>Opens a model.</summary>
    /// <exception cref="InputException">No such model, or one without a chat template where one is needed.</exception>
    public Speaker(string folder, SamplerSettings settings, bool chat, string? system)
    {
        Name = folder;
        source = new ModelSource(folder);
        try
        {
            var place = ModelPlace.Of(source.Folder);
            using var checkpoint = HuggingFaceCheckpoint.Open(place.Folder);
            Tokenizer = Tokenizer.Load(place.Folder);
            TokenizerFit.Require(Tokenizer, checkpoint.Spec.VocabularySize, place.Folder, CommonOptions.Warn);
            this.chat = chat ? ChatPrompts.Load(place.Folder, checkpoint.Spec.Architecture, system ?? DefaultSystem) : null;
            this.system = system;
            stops = [.. settings.StopStrings];
            policy = place.Load(Math.Min(checkpoint.Spec.MaxPositions, Math.Max(2048, 2 * settings.MaxNewTokens)));
            stream = new StreamingSampler(policy, settings with { StopTokens = checkpoint.GenerationEosTokens() });
        }
        catch
        {
            policy?.Dispose();
            source.Dispose();
            throw;
        }
    }

    public string Name { get; }

    public Tokenizer Tokenizer { get; }

    /// <summary>A token's own text; the padding rows of an embedding have none.</summary>
    public string PieceOf(int id) => Tokenizer.IsPadding(id) ? "" : Tokenizer.TokenText(id);

    /// <summary>Says something, piece by piece.</summary>
    /// <param name="turns">What was said; the last turn is the prompt.</param>
    /// <param name="seed">Seed.</param>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="alternatives">Of each token, how many of the most probable ones.</param>
    public IEnumerable<SpokenToken> Say(IReadOnlyList<ChatMessage> turns, ulong seed, int sample, int alternatives)
    {
        var prompt = chat is null
            ? Tokenizer.EncodePrompt(turns[^1].Content)
            : Tokenizer.Encode(chat.Render([
                .. system is null || turns[0].Role == "system" ? [] : new[] { new ChatMessage("system", system) },
                .. turns,
            ]));
        var text = new StreamedText(Tokenizer, stops);
        foreach (var token in stream.Draw(prompt, seed, sample, alternatives))
        {
            yield return new(token, text.Add(token.Token));
            if (text.IsStopped)
                yield break;
        }
        if (text.Rest() is { Length: > 0 } rest)
            yield return new(null, rest);
    }

    public void Dispose()
    {
        stream.Dispose();
        policy.Dispose();
        source.Dispose();
    }
}

/// <summary>A token and the text that is certain since it came; the last text may have been held back and has no token.</summary>
internal readonly record struct SpokenToken(StreamedToken? Drawn, string Text);

/// <summary>The models that are asked, in order.</summary>
internal sealed class Speakers : IDisposable
{
    private readonly List<Speaker> all = [];

    public Speakers(IReadOnlyList<string> folders, SamplerSettings settings, bool chat, string? system)
    {
        Chat = chat;
        try
        {
            foreach (var folder in folders)
                all.Add(new Speaker(folder, settings, chat, system));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public bool Chat { get; }

    public IReadOnlyList<Speaker> All => all;

    public void Dispose()
    {
        foreach (var speaker in all)
            speaker.Dispose();
    }
}
