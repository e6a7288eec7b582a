using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda;
using G2RL.Onnx.Cuda.Checks;
using G2RL.Onnx.Cuda.Diagnosis;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The kernels and the backend of a real device beside the host.</summary>
internal static class GpuTestCommand
{
    // Memory bandwidth of an H100 SXM; native/README.md gives floors at it.
    private const double FloorGigabytesPerSecond = 3350;
    private const string DefaultModel = "models/arithmetic-base";
    private const string Cuda = "cuda:";

    public static Command Create()
    {
        var json = CommonOptions.Json();
        var device = new Option<string>("--device") { Description = "Which GPU.", HelpName = "cuda:N", DefaultValueFactory = _ => "cuda:0" };
        var model = new Option<string>("--model") { Description = "Hugging Face folder for the run on both; \"\" leaves it out.", HelpName = "FOLDER", DefaultValueFactory = _ => DefaultModel };
        var command = new Command("gpu-test", """
            Compares every kernel and a short training run on a GPU with the host, and prints each kernel's bandwidth beside that of an
            H100's memory. Without a GPU, or in a build without CUDA, it says so and exits with 77: inconclusive, never passed.

              g2rl gpu-test --device cuda:1
            """)
        {
            device,
            model,
            json,
        };
        command.SetAction(parsed => Run(parsed.GetValue(device)!, parsed.GetValue(model)!, parsed.GetValue(json)));
        return command;
    }

    private static int Run(string device, string model, bool json)
    {
        if (!device.StartsWith(Cuda, StringComparison.Ordinal) || !int.TryParse(device.AsSpan(Cuda.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal))
            throw new InputException($"--device is '{device}'; it must be cuda:N with the index of a GPU.");
        var probe = CudaProbe.Look();
        if (!CudaDrivers.Available || probe.Devices.Count == 0)
        {
            var reason = CudaDrivers.Available ? probe.Fault : "This build works on the CPU alone; build with -p:Flavor=cuda (README, GPU).";
            if (json)
                Console.WriteLine(new JsonObject { ["outcome"] = "inconclusive", ["reason"] = reason }.ToJsonString());
            else
                Console.WriteLine($"inconclusive: nothing was tested. {reason}");
            return Failures.Inconclusive;
        }
        var failed = 0;
        using (var driver = CudaDrivers.Open(ordinal))
        {
            if (!json)
                Console.WriteLine(CudaDiagnosis.Describe(driver.Device));
            foreach (var result in KernelChecks.Run(driver, CheckSizes.Device))
            {
                failed += result.Passed ? 0 : 1;
                Console.WriteLine(json ? Row(result).ToJsonString() : Line(result));
            }
        }
        if (model.Length > 0)
            failed += Trains(device, model, json) ? 0 : 1;
        var outcome = failed == 0 ? "passed" : "failed";
        Console.WriteLine(json ? new JsonObject { ["outcome"] = outcome, ["failed"] = failed }.ToJsonString() : failed == 0 ? "passed" : $"failed: {failed}");
        return failed == 0 ? 0 : Failures.Failed;
    }

    // Three steps on both. Products on a GPU are rounded otherwise, and a token at a boundary may fall to the other side: then all later ones differ. So
    // the first step's metrics are held tightly, from the same weights, and the tokens of later steps are not.
    private static bool Trains(string device, string model, bool json)
    {
        var config = RunConfigFile.Load(path: null, [$"model={model}", "steps=3", "sampling.promptsPerStep=4", "sampling.groupSize=8", "evaluation.problems=16", $"output={Path.Combine(Path.GetTempPath(), "g2rl-gpu-test")}"]);
        var (host, gpu) = (Metrics(config), Metrics(config with { Execution = config.Execution with { Device = device } }));
        var passed = true;
        foreach (var (name, tolerance) in new[] { ("reward/mean", 0.02), ("policy/entropy_nats", 1e-3), ("policy/gradient_norm", 0.02) })
        {
            var (a, b) = (host[name]!.GetValue<double>(), gpu[name]!.GetValue<double>());
            var close = Math.Abs(a - b) <= tolerance * Math.Max(1, Math.Abs(a));
            passed &= close;
            Console.WriteLine(json
                ? new JsonObject { ["metric"] = name, ["host"] = a, ["device"] = b, ["passed"] = close }.ToJsonString()
                : string.Create(CultureInfo.InvariantCulture, $"{(close ? "ok    " : "FAILED")} {"first step, " + name,-34} host {a:0.000000}, device {b:0.000000}"));
        }
        return passed;
    }

    private static JsonObject Metrics(RunConfig config)
    {
        using var backend = Backends.Open(config);
        using var trainer = new Trainer(config, backend: backend);
        using var run = RunDirectory.Create(config, TimeProvider.System);
        trainer.Run(run);
        return JsonNode.Parse(File.ReadLines(Path.Combine(run.Folder, "metrics.jsonl")).First())!.AsObject();
    }

    private static string Line(CheckResult r) => string.Create(
        CultureInfo.InvariantCulture,
        $"{(r.Passed ? "ok    " : "FAILED")} {r.Kernel,-34} {r.Compared,-24} {r.Error,8:0.0E+0} of {r.Tolerance,7:0.0E+0}{(r.Bytes == 0 ? "" : $"  {r.Milliseconds,9:0.000} ms {r.GigabytesPerSecond,8:0} GB/s {100 * r.GigabytesPerSecond / FloorGigabytesPerSecond,5:0} %")}");

    private static JsonObject Row(CheckResult r) => new()
    {
        ["kernel"] = r.Kernel,
        ["compared"] = r.Compared,
        ["error"] = double.IsFinite(r.Error) ? r.Error : null,
        ["tolerance"] = r.Tolerance,
        ["passed"] = r.Passed,
        ["milliseconds"] = r.Milliseconds,
        ["bytes"] = r.Bytes,
        ["gigabytes_per_second"] = r.GigabytesPerSecond,
        ["share_of_3350_gigabytes_per_second"] = r.GigabytesPerSecond / FloorGigabytesPerSecond,
    };
}
