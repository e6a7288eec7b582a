using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Conformance.Models;

/// <summary>Hidden states, logits, log-probs and entropies of whole sequences, under the mask.</summary>
internal static class GoldenScores
{
    public static void Run(GoldenModel model, string batch, Check check)
    {
        var spec = model.Policy.Spec;
        using var body = new OrtSession(DecoderGraph.Body(spec), 1);
        using var head = new OrtSession(DecoderGraph.Head(spec, withLogits: true), 1);
        var shape = model.Shape($"{batch}.input_ids");
        var count = (int)(shape[0] * shape[1]);
        var mask = model.Ints($"{batch}.attention_mask");
        var hidden = new float[count * spec.HiddenSize];
        using (var run = body.Bind())
        {
            model.Policy.BindTo(run);
            run.Input("input_ids", model.Ints($"{batch}.input_ids"), shape);
            run.Input("attention_mask", mask, shape);
            run.Input("position_ids", model.Ints($"{batch}.position_ids"), shape);
            run.Input("rows", [.. Enumerable.Range(0, count).Select(i => (long)i)], count);
            run.Output("last_hidden_state", hidden, count, spec.HiddenSize);
            run.Run();
        }
        var tolerance = batch == "gap" ? ModelTolerances.FarLogits : ModelTolerances.Logits;
        void Compare(string name, float[] actual, double allowed)
        {
            if (!model.Has($"{batch}.{name}"))
                return;
            var expected = model.Floats($"{batch}.{name}");
            var width = actual.Length / count;
            double[] Under(float[] values) => [.. values.Where((_, i) => mask[i / width] != 0).Select(v => (double)v)];
            check.Near($"{batch}.{name}", Under(actual), Under(expected), 0, allowed);
        }
        Compare("hidden", hidden, tolerance);
        foreach (var (suffix, temperature) in new[] { ("", 1.0), ("_t07", 0.7) })
        {
            var (logits, logProbs, entropy) = (new float[count * spec.VocabularySize], new float[count], new float[count]);
            using var run = head.Bind();
            model.Policy.BindTo(run);
            run.Input("last_hidden_state", hidden, count, spec.HiddenSize);
            run.Input("targets", model.Ints($"{batch}.targets"), count);
            run.Input("inverse_temperature", new[] { (float)(1 / temperature) });
            run.Output("log_probs", logProbs, count);
            run.Output("entropy", entropy, count);
            run.Output("logits", logits, count, spec.VocabularySize);
            run.Run();
            if (suffix.Length == 0)
                Compare("logits", logits, tolerance);
            // A logit's error enters the log-prob divided by the temperature.
            Compare("logp" + suffix, logProbs, tolerance / 2 / temperature);
            Compare("entropy" + suffix, entropy, tolerance / 2 / temperature);
        }
    }
}
