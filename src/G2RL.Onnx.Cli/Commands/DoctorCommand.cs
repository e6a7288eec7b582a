using System.CommandLine;
using System.Text.Json.Nodes;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Cuda.Diagnosis;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Logging;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cli.Commands;

/// <summary>What this machine offers.</summary>
internal static class DoctorCommand
{
    private const string DefaultModel = "models/arithmetic-base";

    public static Command Create()
    {
        var json = CommonOptions.Json();
        var model = new Option<string?>("--model")
        {
            Description = $"Hugging Face folder to be tried; {DefaultModel} by default.",
            HelpName = "FOLDER",
        };
        var command = new Command("doctor", """
            Tells what this machine offers: versions, cores, memory, disk, execution providers; for an NVIDIA GPU the driver, devices,
            libraries found and missing, and what to do about each; and tries a model: reads its weights and tokenizer and samples a
            token. Exits with 2 when the model does not work; that there is no GPU is no fault.

              g2rl doctor --model models/mine
            """)
        {
            model,
            json,
        };
        command.SetAction(parsed =>
        {
            var facts = RunEnvironment.Describe();
            facts["threads"] = Environment.ProcessorCount;
            var providers = OrtEnv.Instance().GetAvailableProviders();
            facts["execution_providers"] = new JsonArray([.. providers.Select(p => (JsonNode)p)]);
            var cuda = CudaDiagnosis.Of(providers);
            facts["cuda"] = cuda.ToJson();
            facts["free_disk_mib"] = new DriveInfo(Directory.GetCurrentDirectory()).AvailableFreeSpace >> 20;
            var folder = parsed.GetValue(model) ?? DefaultModel;
            facts["model"] = folder;
            string? fault = null;
            try
            {
                Try(folder, facts);
            }
            catch (Exception e) when (e is InputException or NonFiniteException)
            {
                facts["model_fault"] = fault = e.Message;
            }
            if (parsed.GetValue(json))
                Console.WriteLine(facts.ToJsonString());
            else
                foreach (var (name, text) in facts.Where(f => f.Key is not ("model_fault" or "cuda"))
                    .Select(f => (f.Key, f.Value is JsonArray list ? string.Join(", ", list) : $"{f.Value}"))
                    .Concat(cuda.Lines()))
                    Console.WriteLine($"{name,-20} {text}");
            if (fault is null)
                return 0;
            Console.Error.WriteLine(fault);
            if (parsed.GetValue(model) is null)
                Console.Error.WriteLine($"{DefaultModel} is part of the repository: run from its root, or name a model by --model (for a "
                    + "run: --set model=FOLDER).");
            return Failures.Input;
        });
        return command;
    }

    private static void Try(string folder, JsonObject facts)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(folder);
        var spec = checkpoint.Spec;
        (facts["architecture"], facts["parameters"]) = (spec.Architecture, spec.Parameters.Sum(p => p.Count));
        (facts["vocabulary"], facts["positions"]) = (spec.VocabularySize, spec.MaxPositions);
        facts["weights_mib"] = (spec.Parameters.Sum(p => p.Count) * sizeof(float)) >> 20;
        var tokenizer = Tokenizer.Load(folder);
        facts["tokenizer_tokens"] = tokenizer.VocabularySize;
        TokenizerFit.Require(tokenizer, spec.VocabularySize, folder, CommonOptions.Warn);
        var prompt = tokenizer.EncodePrompt("1");
        using var policy = Policy.Load(folder, Math.Min(spec.MaxPositions, prompt.Length + 1));
        using var sampler = new Sampler(policy, tokenizer, new() { MaxNewTokens = 1 });
        facts["sampled_token"] = sampler.Draw(new([prompt], 1, Seed: 0, Step: 0))[0][0].Tokens[0];
    }
}
