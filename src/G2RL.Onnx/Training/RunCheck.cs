using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Models;

namespace G2RL.Onnx.Training;

/// <summary>Looks at what a configuration names without computing anything.</summary>
public static class RunCheck
{
    /// <summary>Opens model, tokenizer and problems and looks at every prompt, on the host wherever the run will compute.</summary>
    /// <param name="config">The run.</param>
    /// <param name="warn">Told what deserves a word.</param>
    /// <returns>The model, adapters and storage included.</returns>
    /// <exception cref="InputException">A fault in the configuration, the checkpoint, the tokenizer or the problems.</exception>
    public static DecoderSpec Inputs(RunConfig config, Action<string> warn)
    {
        if (RunConfigRules.Faults(config) is { Count: > 0 } faults)
            throw InputException.Of([.. faults]);
        // Before the weights are read: they may be many.
        using (var checkpoint = HuggingFaceCheckpoint.Open(config.Model, config.AllowUnknownConfig))
            Device(config, checkpoint.Spec);
        using var inputs = new RunInputs(config with { Execution = new() { Threads = config.Execution.Threads } }, problems: null);
        inputs.CheckProblems(progress: null);
        foreach (var warning in inputs.Warnings().Concat(RunConfigRules.Warnings(config)))
            warn(warning);
        return inputs.Policy.Spec;
    }

    /// <summary>Refuses what the device that a run names cannot compute of its model; the device need not be here.</summary>
    /// <param name="config">The run.</param>
    /// <param name="spec">The model.</param>
    /// <exception cref="InputException">It cannot; names the setting and the way out.</exception>
    public static void Device(RunConfig config, DecoderSpec spec) => DeviceKernels.Require(config.Execution, spec);
}
