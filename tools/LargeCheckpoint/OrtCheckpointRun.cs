using System.Diagnostics;
using G2RL.Onnx.Artifacts.Training;

namespace G2RL.Onnx.LargeCheckpoint;

/// <summary>
/// A checkpoint of ORT's training, of Qwen3-1.7B's shape and so beyond a flatbuffer's 2 GiB: written, then read back and compared number by
/// number, with the memory that belongs to this process alone watched all the while.
/// </summary>
internal static class OrtCheckpointRun
{
    private const double MostMebibytes = 2048;

    public static int Run(string folder)
    {
        var spec = Shape.Qwen3With1700MillionParameters;
        var path = Path.Combine(Directory.CreateDirectory(folder).FullName, "checkpoint");
        using var memory = new PrivateMemory();
        try
        {
            var parameters = spec.Parameters;
            var started = Stopwatch.GetTimestamp();
            OrtCheckpointWriter.Write(
                path,
                new OrtCheckpointContent { Trainable = [.. parameters.Select((p, i) => Numbers.Tensor(p.Name, p.Shape, i))] });
            var (wrote, bytes) =
                (Stopwatch.GetElapsedTime(started), new FileInfo(path).Length + new FileInfo(OrtCheckpointWriter.DataFile(path)).Length);
            Console.WriteLine($"{spec.ParameterCount:N0} parameters, {bytes:N0} bytes, written in {wrote.TotalSeconds:0.0} s; "
                + $"private memory at most {memory.PeakMebibytes:0} MiB");
            started = Stopwatch.GetTimestamp();
            using (var checkpoint = OrtCheckpoint.Open(path))
                for (var i = 0; i < parameters.Count; i++)
                    Numbers.Compare(checkpoint.Parameter(parameters[i].Name), i);
            Console.WriteLine($"read and compared in {Stopwatch.GetElapsedTime(started).TotalSeconds:0.0} s; "
                + $"private memory at most {memory.PeakMebibytes:0} MiB");
            return memory.PeakMebibytes < MostMebibytes ? 0 : 1;
        }
        finally
        {
            File.Delete(path);
            File.Delete(OrtCheckpointWriter.DataFile(path));
        }
    }
}
