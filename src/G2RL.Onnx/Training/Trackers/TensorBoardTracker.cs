using G2RL.Onnx.Configuration;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Trackers.Wire;
using Google.Protobuf;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>One event file of TensorBoard: a record a row, and the configuration as a text.</summary>
/// <param name="folder">Where the file lies, by itself.</param>
/// <param name="config">The run's configuration.</param>
/// <param name="clock">Times of the records.</param>
internal sealed class TensorBoardTracker(string folder, RunConfig config, TimeProvider clock) : ITracker
{
    private const string Stem = "events.out.tfevents.";
    private const string Version = "brain.Event:2";

    private string path = "";

    /// <inheritdoc/>
    public void Follow(IReadOnlyList<TrackedRow> rows)
    {
        Directory.CreateDirectory(folder);
        path = Directory.EnumerateFiles(folder, Stem + "*").Where(f => !f.EndsWith(".tmp", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal).FirstOrDefault() ?? Path.Combine(folder, FormattableString.Invariant(
                $"{Stem}{clock.GetUtcNow().ToUnixTimeSeconds():D10}.g2rl"));
        // Times are in the file alone, so what belongs to a row of the logs is taken over.
        var kept = new Dictionary<(bool, long), Event>();
        if (File.Exists(path))
            foreach (var one in TfRecords.Read(File.ReadAllBytes(path)).Select(Event.Parser.ParseFrom))
                if (one.Summary?.Value is [{ HasSimpleValue: true } first, ..])
                    kept[(first.Tag.StartsWith(TrackedRow.Prefix, StringComparison.Ordinal), one.Step)] = one;
        using var file = new MemoryStream();
        Write(file, new Event { WallTime = Now, FileVersion = Version });
        Write(file, Configuration());
        foreach (var row in rows)
            Write(file, kept.GetValueOrDefault(row.Key) ?? Of(row));
        DurableFile.Write(path, file.ToArray());
    }

    /// <inheritdoc/>
    public void Append(TrackedRow row)
    {
        using var file = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read);
        Write(file, Of(row));
    }

    /// <inheritdoc/>
    public void End(bool completed)
    {
        // A record is whole as soon as it is written.
    }

    private double Now => clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0;

    private Event Of(TrackedRow row)
    {
        var summary = new Summary();
        foreach (var (name, value) in row.Values)
            summary.Value.Add(new Summary.Types.Value { Tag = name, SimpleValue = (float)value });
        return new() { WallTime = Now, Step = row.Step, Summary = summary };
    }

    // What the plugin "text" shows: Markdown, so JSON stands in a block of code.
    private Event Configuration()
    {
        var text = ByteString.CopyFromUtf8($"```json\n{RunConfigFile.ToJson(config)}\n```");
        var shape = new Tensor.Types.Shape { Dim = { new Tensor.Types.Shape.Types.Dim { Size = 1 } } };
        var value = new Summary.Types.Value
        {
            Tag = "configuration",
            Metadata = new() { PluginData = new() { PluginName = "text" } },
            Tensor = new() { Dtype = 7, TensorShape = shape, StringVal = { text } },
        };
        return new() { WallTime = Now, Summary = new() { Value = { value } } };
    }

    private static void Write(Stream stream, Event one) => TfRecords.Write(stream, one.ToByteArray());
}
