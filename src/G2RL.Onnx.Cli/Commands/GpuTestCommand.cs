using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Cuda;
using G2RL.Onnx.Cuda.Checks;
using G2RL.Onnx.Cuda.Diagnosis;
using G2RL.Onnx.Evaluation;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>The kernels and the backend of a real device beside the host.</summary>
internal static class GpuTestCommand
{
    // Decode steps of the check that a stream race would fail.
    private const int DrawSteps = 200;
    private const string DefaultModel = "models/arithmetic-base";
    private const string Cuda = "cuda:";

    public static Command Create()
    {
        var json = CommonOptions.Json();
        var device = new Option<string>("--device")
        {
            Description = "Which GPU.",
            HelpName = "cuda:N",
            DefaultValueFactory = _ => "cuda:0",
        };
        var model = new Option<string>("--model")
        {
            Description = "Hugging Face folder for the run on both; \"\" leaves it out.",
            HelpName = "FOLDER",
            DefaultValueFactory = _ => DefaultModel,
        };
        var part = new Option<string>("--part")
        {
            Description = "What is tested: all, kernels, decode (a long draw, twice and beside the host) or run (three steps on both).",
            HelpName = "PART",
            DefaultValueFactory = _ => "all",
        };
        part.AcceptOnlyFromAmong("all", "kernels", "decode", "run");
        var command = new Command("gpu-test", """
            Compares every kernel, a long draw and a short training run on a GPU with the host, and prints each kernel's bandwidth as a
            share of the rate at which this card copies inside its memory, measured first. Without a GPU, or in a build without CUDA, it
            says so and exits with 77: inconclusive, never passed.

              g2rl gpu-test --device cuda:1
            """)
        {
            device,
            model,
            part,
            json,
        };
        command.SetAction(parsed =>
            Run(parsed.GetValue(device)!, parsed.GetValue(model)!, parsed.GetValue(part)!, parsed.GetValue(json)));
        return command;
    }

    private static int Run(string device, string model, string part, bool json)
    {
        bool Tests(string name) => part == "all" || part == name;
        if (!device.StartsWith(Cuda, StringComparison.Ordinal)
            || !int.TryParse(device.AsSpan(Cuda.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal))
            throw new InputException($"--device is '{device}'; it must be cuda:N with the index of a GPU.");
        var probe = CudaProbe.Look();
        if (!CudaDrivers.Available || probe.Devices.Count == 0)
        {
            var reason = CudaDrivers.Available
                ? probe.Fault
                : "This build works on the CPU alone; build with -p:Flavor=cuda (README, GPU).";
            if (json)
                Console.WriteLine(new JsonObject { ["outcome"] = "inconclusive", ["reason"] = reason }.ToJsonString());
            else
                Console.WriteLine($"inconclusive: nothing was tested. {reason}");
            return Failures.Inconclusive;
        }
        var failed = 0;
        if (Tests("kernels"))
        {
            using var driver = CudaDrivers.Open(ordinal);
            var copies = CopyRate.Measure(driver);
            Console.WriteLine(json
                ? new JsonObject { ["device"] = driver.Device.Name, ["copy_gigabytes_per_second"] = copies }.ToJsonString()
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{CudaDiagnosis.Describe(driver.Device)}, copies {copies:0} GB/s inside its memory (100 %)"));
            foreach (var result in KernelChecks.Run(driver, CheckSizes.Device))
            {
                failed += result.Passed ? 0 : 1;
                Console.WriteLine(json ? Row(result, copies).ToJsonString() : Line(result, copies));
            }
        }
        if (model.Length > 0)
        {
            foreach (var result in Tests("decode") ? Draws(device, model) : [])
            {
                failed += result.Passed ? 0 : 1;
                Console.WriteLine(json ? Row(result, copies: 0).ToJsonString() : Line(result, copies: 0));
            }
            failed += !Tests("run") || Trains(device, model, json) ? 0 : 1;
        }
        var outcome = failed == 0 ? "passed" : "failed";
        Console.WriteLine(json
            ? new JsonObject { ["outcome"] = outcome, ["failed"] = failed }.ToJsonString()
            : failed == 0 ? "passed"
            : $"failed: {failed}");
        return failed == 0 ? 0 : Failures.Failed;
    }

    // Three steps on both. Products on a GPU are rounded otherwise, and a token at a boundary may fall to the other side: then all later
    // ones differ. So the first step's metrics are held tightly, from the same weights, and the tokens of later steps are not.
    private static bool Trains(string device, string model, bool json)
    {
        var config = RunConfigFile.Load(path: null, [
            $"model={model}",
            "steps=3",
            "sampling.promptsPerStep=4",
            "sampling.groupSize=8",
            "evaluation.problems=16",
            $"output={Path.Combine(Path.GetTempPath(), "g2rl-gpu-test")}",
        ]);
        var (host, gpu) = (Metrics(config), Metrics(config with { Execution = config.Execution with { Device = device } }));
        var passed = true;
        foreach (var (name, tolerance) in new[] { ("reward/mean", 0.02), ("policy/entropy_nats", 1e-3), ("policy/gradient_norm", 0.02) })
        {
            var (a, b) = (host[name]!.GetValue<double>(), gpu[name]!.GetValue<double>());
            var close = Math.Abs(a - b) <= tolerance * Math.Max(1, Math.Abs(a));
            passed &= close;
            Console.WriteLine(json
                ? new JsonObject { ["metric"] = name, ["host"] = a, ["device"] = b, ["passed"] = close }.ToJsonString()
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(close ? "ok    " : "FAILED")} {"first step, " + name,-34} host {a:0.000000}, device {b:0.000000}"));
        }
        return passed;
    }

    private static IReadOnlyList<CheckResult> Draws(string device, string model)
    {
        using var backend = Backends.Open(RunConfigFile.Load(path: null, [$"model={model}", $"execution.device={device}"]))!;
        var tokenizer = Tokenizer.Load(model);
        var prompt = tokenizer.Encode("1+1=");
        using var policy = Policy.Load(model, prompt.Length + DrawSteps);
        return DrawChecks.Run(backend, policy, tokenizer, prompt, DrawSteps);
    }

    private static JsonObject Metrics(RunConfig config)
    {
        using var backend = Backends.Open(config);
        using var trainer = new Trainer(config, backend: backend);
        using var run = RunDirectory.Create(config, TimeProvider.System);
        trainer.Run(run);
        return JsonNode.Parse(File.ReadLines(Path.Combine(run.Folder, "metrics.jsonl")).First())!.AsObject();
    }

    private static string Line(CheckResult r, double copies)
    {
        var compared = $"{(r.Passed ? "ok    " : "FAILED")} {r.Kernel,-34} {r.Compared,-24}";
        return string.Create(CultureInfo.InvariantCulture, $"{compared} {r.Error,8:0.0E+0} of {r.Tolerance,7:0.0E+0}")
            + (r.Bytes == 0 ? "" : string.Create(
                CultureInfo.InvariantCulture,
                $"  {r.Milliseconds,9:0.000} ms {r.GigabytesPerSecond,8:0} GB/s {100 * r.GigabytesPerSecond / copies,5:0} %"));
    }

    private static JsonObject Row(CheckResult r, double copies) => new()
    {
        ["kernel"] = r.Kernel,
        ["compared"] = r.Compared,
        ["error"] = double.IsFinite(r.Error) ? r.Error : null,
        ["tolerance"] = r.Tolerance,
        ["passed"] = r.Passed,
        ["milliseconds"] = r.Milliseconds,
        ["bytes"] = r.Bytes,
        ["gigabytes_per_second"] = r.GigabytesPerSecond,
        ["share_of_copy_rate"] = r.Bytes == 0 ? null : r.GigabytesPerSecond / copies,
    };
}
