using G2RL.Onnx.Artifacts;

namespace G2RL.Onnx.Converter;

/// <summary>Two conversions of one model against each other, on random tokens from a fixed seed.</summary>
internal static class PairVerifier
{
    private const int Prompt = 12;
    private const int Steps = 6;
    private static readonly float[] One = [1];

    public static void Run(ConvertedModel model, ConvertedModel other, Verification result, VerifyTolerances allowed)
    {
        if (model.Spec != other.Spec)
            throw new InputException($"{model.Folder} and {other.Folder} are not of one model: their config.json say different things.");
        var spec = model.Spec;
        var length = Math.Min(
            Prompt + Steps,
            Math.Min(model.Manifest.Settings.MaxLength ?? int.MaxValue, other.Manifest.Settings.MaxLength ?? int.MaxValue));
        var random = new Random(20250915);
        int[] tokens = [.. Enumerable.Range(0, length).Select(_ => random.Next(spec.VocabularySize))];
        if (model.Has(ConvertedGraphs.Decode) && other.Has(ConvertedGraphs.Decode))
        {
            var (mine, theirs) = (new GenerationCheck(model), new GenerationCheck(other));
            var prompt = tokens[..Math.Min(Prompt, length)];
            result.Compare("decoding logits", mine.Feed(prompt), theirs.Feed(prompt), allowed.Logits);
            foreach (var token in tokens[prompt.Length..])
                result.Compare("decoding logits", mine.Feed(token), theirs.Feed(token), allowed.Logits);
            // Few bits: how far the predictions moved, and how often the most likely token is another one, which is told and not judged.
            if (model.Manifest.Quantized is not null || other.Manifest.Quantized is not null)
            {
                var report = model.Manifest.Quantized is null ? QuantizationReport.Of(model, other) : QuantizationReport.Of(other, model);
                result.Add("divergence, nats", report.LargestDivergence, 2 * allowed.Logits);
                result.Add("share of greedy tokens that differ", (double)report.OtherChoices / report.Positions, 1);
            }
        }
        if (model.Has(ConvertedGraphs.Score) && other.Has(ConvertedGraphs.Score) && length > 1)
        {
            var (a, b) = (Score(model, tokens), Score(other, tokens));
            result.Compare("log-probs", a["log_probs"], b["log_probs"], allowed.LogProbs);
            result.Compare("entropies", a["entropy"], b["entropy"], allowed.LogProbs);
            result.Compare("last hidden states", a["last_hidden_state"], b["last_hidden_state"], allowed.Logits);
        }
    }

    private static Dictionary<string, float[]> Score(ConvertedModel model, int[] tokens)
    {
        long[] shape = [1, tokens.Length], count = [tokens.Length - 1];
        return model.Run("score", new Dictionary<string, (Array, long[])>(StringComparer.Ordinal)
        {
            ["input_ids"] = (tokens.Select(t => (long)t).ToArray(), shape),
            ["attention_mask"] = (Enumerable.Repeat(1L, tokens.Length).ToArray(), shape),
            ["position_ids"] = (Enumerable.Range(0, tokens.Length).Select(i => (long)i).ToArray(), shape),
            ["rows"] = (Enumerable.Range(0, tokens.Length - 1).Select(i => (long)i).ToArray(), count),
            ["targets"] = (tokens[1..].Select(t => (long)t).ToArray(), count),
            ["inverse_temperature"] = (One, []),
        });
    }
}
