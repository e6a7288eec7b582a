using System.Text;
using G2RL.Onnx.Tokenizers.Chat;

namespace G2RL.Onnx.Cli.Sampling;

/// <summary>Prompts given to models, and a conversation with one.</summary>
/// <param name="speakers">The models.</param>
/// <param name="sink">Receives what they say.</param>
/// <param name="seed">Seed.</param>
/// <param name="samples">Continuations of each prompt.</param>
/// <param name="alternatives">Of each token, how many of the most probable ones.</param>
/// <param name="cancel">Ends it between tokens.</param>
internal sealed class SampleSession(
    Speakers speakers,
    ISampleSink sink,
    ulong seed,
    int samples,
    int alternatives,
    CancellationToken cancel)
{
    /// <summary>Every prompt, every model, every sample.</summary>
    public void Run(IReadOnlyList<string> prompts)
    {
        foreach (var prompt in prompts)
            Answer([new("user", prompt)]);
    }

    /// <summary>Prompts from the terminal until an empty line; with a template each answer stays part of the conversation.</summary>
    public void Converse()
    {
        var turns = new List<ChatMessage>();
        while (sink.Ask() is { Length: > 0 } line)
        {
            if (!speakers.Chat)
                turns.Clear();
            turns.Add(new("user", line));
            turns.Add(new("assistant", Answer(turns)));
        }
    }

    // The first model's first answer is the one that a conversation goes on from.
    private string Answer(IReadOnlyList<ChatMessage> turns)
    {
        string? first = null;
        for (var sample = 0; sample < samples; sample++)
            foreach (var speaker in speakers.All)
            {
                var text = new StringBuilder();
                sink.Begin(speaker, turns[^1].Content, sample, several: speakers.All.Count > 1 || samples > 1);
                foreach (var token in speaker.Say(turns, seed, sample, alternatives))
                {
                    cancel.ThrowIfCancellationRequested();
                    text.Append(token.Text);
                    sink.Token(speaker, token);
                }
                sink.End();
                first ??= text.ToString();
            }
        return first!;
    }
}
