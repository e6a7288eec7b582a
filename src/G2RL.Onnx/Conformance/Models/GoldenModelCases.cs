using System.Diagnostics;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Conformance.Models;

/// <summary>Model folders with golden.json: scoring, decoding, training and G2RL, each by the graphs that a run uses.</summary>
internal static class GoldenModelCases
{
    /// <summary>The cases of a folder, in order: one line here and one function.</summary>
    private static readonly (string Name, Func<GoldenModel, bool> Has, Action<GoldenModel, Check> Run)[] All =
    [
        ("score, right-padded", m => m.Has("rp.hidden"), (m, check) => GoldenScores.Run(m, "rp", check)),
        ("score, left-padded", m => m.Has("lp.hidden"), (m, check) => GoldenScores.Run(m, "lp", check)),
        ("score, padded on both sides", m => m.Has("mid.hidden"), (m, check) => GoldenScores.Run(m, "mid", check)),
        ("score, far positions", m => m.Has("gap.hidden"), (m, check) => GoldenScores.Run(m, "gap", check)),
        ("decode", m => m.Json.TryGetProperty("decode", out _), GoldenDecoding.Run),
        ("loss and gradients, another temperature", m => m.Has("ppo.oldB") && m.Json.TryGetProperty("ppoB", out _),
            GoldenTraining.ClipHigher),
        ("G2RL", m => m.Json.TryGetProperty("g2rl", out _), GoldenNovelty.Run),
        // Last, because it changes the weights.
        ("loss, gradients and AdamW", m => m.Has("ppo.old") && File.Exists(Path.Combine(m.Folder, "grads.safetensors")),
            GoldenTraining.Steps),
    ];

    public static bool IsModel(string folder) => File.Exists(Path.Combine(folder, "golden.json"));

    public static FileResult Run(string folder, CancellationToken cancel)
    {
        var architecture = GoldenModel.Architecture(folder);
        if (!Architectures.Names.Contains(architecture))
            return new(folder, [new CaseResult("model", $"architecture '{architecture}'", Supported: false, "", 0, 0)]);
        using var model = new GoldenModel(folder);
        var results = new List<CaseResult>();
        foreach (var (name, has, run) in All.Where(c => c.Has(model)))
        {
            cancel.ThrowIfCancellationRequested();
            var started = Stopwatch.GetTimestamp();
            var check = new Check(0, 0);
            run(model, check);
            results.Add(new(name, "model", Supported: true, check.Fault, check.Largest, Stopwatch.GetElapsedTime(started).TotalSeconds));
        }
        return new(folder, results);
    }
}
