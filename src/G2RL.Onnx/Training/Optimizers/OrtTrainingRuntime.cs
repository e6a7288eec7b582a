using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Training.Optimizers;

/// <summary>Whether this process can train with ONNX Runtime's own training API, and if not, why.</summary>
internal static class OrtTrainingRuntime
{
    private const string Remedy = "Build with -p:Flavor=training (package Microsoft.ML.OnnxRuntime.Training 1.19.2, the last release with "
        + "training), or set execution.gradients=graph, which needs nothing further.";

    /// <summary>Checks the native library before anything is written.</summary>
    /// <exception cref="InputException">It has no training API, or belongs to another flavour than the managed one.</exception>
    public static void Require()
    {
        try
        {
            var (managed, native) = (typeof(OrtEnv).Assembly.GetName().Version!, OrtEnv.Instance().GetVersionString());
            if (MixedFault(managed, native) is { } fault)
                throw new InputException(fault);
            // Without the training API the very call is refused; with it, the missing file is.
            using var never = CheckpointState.LoadCheckpoint(Path.Combine(Path.GetTempPath(), "g2rl-no-such-checkpoint"));
        }
        catch (InvalidOperationException e)
        {
            throw new InputException("execution.gradients is ortTraining, but the ONNX Runtime of this build has no training API "
                + $"({e.Message.Trim().TrimEnd('.')}). {Remedy}", e);
        }
        catch (Exception e)
            when (e is TypeInitializationException or DllNotFoundException or EntryPointNotFoundException or NullReferenceException)
        {
            throw new InputException($"ONNX Runtime cannot be started: {e.Message} Its managed and native libraries seem to come from "
                + "different packages; delete the artifacts folder and build again with one -p:Flavor.", e);
        }
        catch (OnnxRuntimeException)
        {
            // The training API is there and did not find the file.
        }
    }

    /// <summary>Says so when managed and native library are of different releases: the flavours bring files of the same names.</summary>
    internal static string? MixedFault(Version managed, string native) =>
        Version.TryParse(native.Split('-', '+')[0], out var version) && version.Major == managed.Major && version.Minor == managed.Minor
            ? null
            : $"The managed ONNX Runtime is {managed.ToString(3)} and the native one {native}: two flavours are mixed in one folder. "
                + "Delete the artifacts folder and build again with one -p:Flavor.";
}
