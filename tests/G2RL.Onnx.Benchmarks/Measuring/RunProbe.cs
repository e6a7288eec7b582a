using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems.Generated;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;
using MathNet.Numerics.Statistics;

namespace G2RL.Onnx.Benchmarks;

/// <summary>A short run of a shape in a process of its own: what it held at most, beside what its plan said.</summary>
/// <param name="Planned">Bytes by purpose.</param>
/// <param name="Peak">Highest resident memory of the process, bytes.</param>
/// <param name="Idle">Resident memory before anything was loaded, bytes.</param>
/// <param name="Seconds">Seconds of the last step.</param>
internal sealed record RunProbe(Dictionary<string, long> Planned, double Peak, double Idle, double Seconds)
{
    /// <summary>Seconds of the last step by phase.</summary>
    public Dictionary<string, double> Phases { get; init; } = [];

    /// <summary>Highest resident memory seen in each phase, bytes.</summary>
    public Dictionary<string, double> Highest { get; init; } = [];

    /// <summary>Highest place of the tensors' memory that was in use, by phase, bytes.</summary>
    public Dictionary<string, double> Tensors { get; init; } = [];

    /// <summary>Of each step its number, and resident memory and the managed heap when it had ended, bytes.</summary>
    public List<double[]> BySteps { get; init; } = [];

    /// <summary>What the phases took and had to do: medians of seconds, means of work, over all steps but the first.</summary>
    public List<PhaseWork> Work { get; init; } = [];

    /// <summary>Bytes of the model's weights.</summary>
    public long WeightBytes { get; init; }

    /// <summary>Of some steps, and of the highest moment (0), what resident memory was made of, bytes.</summary>
    public Dictionary<int, Dictionary<string, double>> Maps { get; init; } = [];

    /// <summary>Starts a child, waits, reads its answer.</summary>
    /// <param name="shape">See <see cref="Shape.Parse"/>; "" takes the run's own model.</param>
    /// <param name="steps">Steps.</param>
    /// <param name="settings">As of --set.</param>
    public static RunProbe Of(string shape, int steps, params string[] settings)
    {
        var root = Directory.CreateTempSubdirectory("g2rl-benchmark-").FullName;
        try
        {
            // Written here, so that the child holds nothing that a run would not.
            var model = Path.Combine(root, "model");
            if (shape.Length > 0)
                Write(Shape.Parse(shape), model);
            var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, UseShellExecute = false };
            start.ArgumentList.Add("--probe");
            start.ArgumentList.Add(string.Create(CultureInfo.InvariantCulture, $"run;{root};{steps};{string.Join(';', settings)}"));
            using var child = Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} does not start.");
            var answer = child.StandardOutput.ReadToEnd();
            child.WaitForExit();
            return child.ExitCode == 0
                ? JsonSerializer.Deserialize<RunProbe>(answer)!
                : throw new InvalidOperationException($"The run of {shape} ended with {child.ExitCode}: {answer}");
        }
        finally
        {
            Directory.Delete(root, recursive: true);
        }
    }

    /// <summary>The child: one line of JSON.</summary>
    public static void Answer(string request)
    {
        var parts = request.Split(';', StringSplitOptions.RemoveEmptyEntries);
        if (parts[1].StartsWith('='))
        {
            Console.WriteLine(JsonSerializer.Serialize(Of(parts[1][1..], int.Parse(parts[2], CultureInfo.InvariantCulture), parts[3..])));
            return;
        }
        var (root, idle) = (parts[1], MemoryProbe.Status("VmRSS"));
        var config = RunConfigFile.Load(
            null,
            [
                .. Directory.Exists($"{root}/model") ? [$"model={root}/model"] : Array.Empty<string>(),
                $"output={root}",
                $"steps={parts[2]}",
                "training.checkpointEvery=1000",
                "evaluation.problems=16",
                "evaluation.samples=2",
                "logging.rolloutsEvery=1",
                .. parts[3..],
            ]);
        var phases = new Dictionary<string, double>(StringComparer.Ordinal);
        var bySteps = new List<double[]>();
        var laps = new List<Dictionary<string, double>>();
        DateTimeOffset? ended = null;
        // The last file of a checkpoint is written when it is whole; the next word of progress comes only when a rollout has ended.
        void Saved()
        {
            var checkpoint = Path.Combine(root, "run", "checkpoints", $"step-{laps.Count:D6}");
            if (ended is { } since && Directory.Exists(checkpoint))
                laps[^1]["checkpoint"] = (Directory.GetLastWriteTimeUtc(checkpoint) - since.UtcDateTime).TotalSeconds;
            ended = null;
        }
        var maps = new Dictionary<int, Dictionary<string, double>>();
        var (highest, tensors, phase) = (new Dictionary<string, double>(StringComparer.Ordinal),
            new Dictionary<string, double>(StringComparer.Ordinal), "load");
        // Number 0 is that of the highest moment, to 2 MiB.
        var most = 0.0;
        void Look()
        {
            lock (maps)
                if (MemoryProbe.Status("VmRSS") is var now && now > most + (2 << 20))
                    (most, maps[0]) = (now, MemoryMap.Now());
            highest[phase] = Math.Max(highest.GetValueOrDefault(phase), MemoryProbe.Status("VmRSS"));
            tensors[phase] = Math.Max(tensors.GetValueOrDefault(phase), TensorMemory.Use.Most);
        }

        using var watch = new Timer(_ => Look(), null, 0, 20);
        using var trainer = new Trainer(config, events: new()
        {
            Progress = (name, _, _) =>
            {
                if (name == phase)
                    return;
                Look();
                Saved();
                phase = name;
                TensorMemory.Mark();
            },
            Step = metrics =>
            {
                laps.Add(metrics.Values.Where(v => v.Key.StartsWith("time/", StringComparison.Ordinal))
                    .ToDictionary(v => v.Key[5..^2], v => v.Value, StringComparer.Ordinal));
                foreach (var (name, value) in metrics.Values.Where(v => v.Key.StartsWith("time/", StringComparison.Ordinal)))
                    phases[name] = value;
                bySteps.Add([metrics.Step, MemoryProbe.Status("VmRSS"), GC.GetTotalMemory(forceFullCollection: false)]);
                ended = TimeProvider.System.GetUtcNow();
                if (metrics.Step % 50 == 0 || metrics.Step is 1 or 10 or 20)
                    lock (maps)
                        maps[metrics.Step] = MemoryMap.Now();
            },
        });
        var plan = trainer.Memory().Uses.ToDictionary(u => u.Purpose, u => u.Bytes, StringComparer.Ordinal);
        plan["at once"] = trainer.Memory().Total;
        using (var run = RunDirectory.Create(config, TimeProvider.System, Path.Combine(root, "run")))
            trainer.Run(run);
        Saved();
        Look();
        Console.WriteLine(JsonSerializer.Serialize(new RunProbe(
            plan,
            MemoryProbe.Status("VmHWM"),
            idle,
            phases.GetValueOrDefault("time/step_s"))
        {
            Phases = phases,
            Highest = highest,
            Tensors = tensors,
            BySteps = bySteps,
            Maps = maps,
            Work = [.. Worked(trainer, Path.Combine(root, "run"), laps)],
            WeightBytes = trainer.Policy.WeightBytes,
        }));
    }

    // The first step compiles, builds sessions and fills pools.
    private static IEnumerable<PhaseWork> Worked(Trainer trainer, string folder, List<Dictionary<string, double>> laps)
    {
        var steps = laps.Select((lap, i) => PhaseWork.Of(
            trainer.Policy,
            trainer.Config,
            [.. Rollouts(trainer, Path.Combine(folder, "rollouts", $"step-{i + 1:D6}.jsonl"))],
            name => lap.GetValueOrDefault(name)).ToArray()).Skip(laps.Count > 1 ? 1 : 0).ToArray();
        return steps[0].Select((first, p) => new PhaseWork(
            first.Phase,
            steps.Select(s => s[p].Seconds).Where(s => s > 0).DefaultIfEmpty(0).Median(),
            steps.Average(s => s[p].Flops),
            steps.Average(s => s[p].Bytes),
            steps.Average(s => s[p].Updated)));
    }

    // Lengths count, not what the tokens are.
    private static IEnumerable<Sequence> Rollouts(Trainer trainer, string path)
    {
        var prompts = new Dictionary<int, int[]>();
        foreach (var row in File.ReadLines(path).Select(line => JsonNode.Parse(line)!))
        {
            var place = (int)row["prompt_index"]!;
            if (!prompts.TryGetValue(place, out var prompt))
                prompts[place] = prompt = [place, .. trainer.Tokenizer.Encode((string)row["prompt"]!)];
            yield return new(prompt, new int[(int)row["tokens"]!]);
        }
    }

    // A model of seeded random weights on disk, one tensor in memory at a time.
    private static void Write(Shape shape, string folder)
    {
        var companions = folder + "-tokenizer";
        Directory.CreateDirectory(companions);
        CharacterTokenizer.Write(companions, Arithmetic.Characters);
        var shapes = shape.Spec.Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        var numbers = new float[shape.Spec.Parameters.Max(p => p.Count)];
        HuggingFaceCheckpoint.Create(
            folder,
            // Nothing ends a rollout before its length: the plan is one of full ones.
            shape.Spec with { EosTokens = [] },
            name =>
            {
                var weights = numbers.AsSpan(0, (int)shapes[name].Count);
                Shape.Fill(shapes[name], weights);
                return weights;
            },
            companions: Directory.EnumerateFiles(companions));
    }
}
