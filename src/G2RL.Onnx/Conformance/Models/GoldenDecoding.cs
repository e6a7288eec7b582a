using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts.Decoding;

namespace G2RL.Onnx.Conformance.Models;

/// <summary>Greedy decoding with the key/value cache, all prompts side by side and of several lengths.</summary>
internal static class GoldenDecoding
{
    public static void Run(GoldenModel model, Check check)
    {
        var spec = model.Policy.Spec;
        var decode = model.Find("decode").EnumerateArray().ToArray();
        int[][] Ids(string name) => [.. decode.Select(d => d.GetProperty(name).EnumerateArray().Select(e => e.GetInt32()).ToArray())];
        var (prompts, tokens) = (Ids("prompt"), Ids("tokens"));
        using var session = new OrtSession(DecoderGraph.Decode(spec), 1);
        // A row alone takes another path through the products.
        var rows = Math.Max(8, prompts.Length);
        var longest = prompts.Zip(tokens, (p, t) => p.Length + t.Length).Max();
        using var cache = new KvCache(spec, rows, (longest + 63) / 64 * 64);
        var logits = prompts.Select(_ => new List<float>()).ToArray();
        for (var row = 0; row < prompts.Length; row++)
        {
            using var prefill = new DecodeStep(session, model.Policy, cache, row, rows: 1, prompts[row].Length);
            for (var t = 0; t < prompts[row].Length; t++)
                (prefill.Ids[t], prefill.Places[t]) = (prompts[row][t], t);
            prefill.Ends[0] = prompts[row].Length - 1;
            prefill.Run();
            logits[row].AddRange(prefill.Logits(0));
        }
        using var step = new DecodeStep(session, model.Policy, cache, 0, rows, tokens: 1);
        for (var t = 0; t < tokens.Min(list => list.Length) - 1; t++)
        {
            for (var row = 0; row < prompts.Length; row++)
            {
                var best = ArgMax(logits[row], spec.VocabularySize);
                if (best != tokens[row][t])
                    check.Fail($"sequence {row}, token {t} is {best}, expected {tokens[row][t]}");
                (step.Ids[row], step.Places[row], step.Ends[row]) = (tokens[row][t], prompts[row].Length + t, prompts[row].Length + t);
            }
            step.Run();
            for (var row = 0; row < prompts.Length; row++)
                logits[row].AddRange(step.Logits(row));
        }
        for (var row = 0; row < prompts.Length; row++)
            check.Near(
                $"dec{row}.step_logits",
                [.. logits[row].Select(v => (double)v)],
                [.. model.Floats($"dec{row}.step_logits").Select(v => (double)v)],
                0,
                ModelTolerances.Logits);
    }

    private static int ArgMax(List<float> logits, int vocabulary)
    {
        var last = logits.GetRange(logits.Count - vocabulary, vocabulary);
        return last.IndexOf(last.Max());
    }
}
