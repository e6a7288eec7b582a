using System.Text;
using System.Text.Json.Nodes;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Training.Checkpointing;
using G2RL.Onnx.Training.Logging;

namespace G2RL.Onnx.Evaluation;

/// <summary>
/// The completions of an evaluation as JSON Lines, written while they are drawn. The first line says what was drawn; an evaluation that was
/// killed goes on behind the last problem whose samples are whole, and ends in the same rows.
/// </summary>
internal sealed class SampleLog : IDisposable
{
    private readonly Dictionary<(string Benchmark, string Id), List<Completion>> done = [];
    private readonly FileStream stream;
    private readonly FolderLock gate;

    private SampleLog(FileStream stream, FolderLock gate) => (this.stream, this.gate) = (stream, gate);

    /// <summary>Begins or goes on.</summary>
    /// <param name="path">The file.</param>
    /// <param name="header">What is drawn.</param>
    /// <param name="expected">Every problem in order, with how many samples it gets.</param>
    /// <exception cref="InputException">
    /// The file is something else, or belongs to another evaluation; another process writes it; or it cannot be written.
    /// </exception>
    public static SampleLog Open(string path, JsonObject header, IEnumerable<(string Benchmark, string Id, int Samples)> expected)
    {
        try
        {
            if (Path.GetDirectoryName(path) is { Length: > 0 } folder)
                Directory.CreateDirectory(folder);
            // A lock of its own: on Unix the file itself would keep readers out together with a second writer, or neither.
            var held = FolderLock.TryTakeFile(path + FolderLock.FileName)
                ?? throw new InputException($"Another process writes samples to {path} (it holds {path}{FolderLock.FileName}). "
                    + "Wait for it, or give another file.");
            var log = new SampleLog(Opened(path, held), held);
            try
            {
                log.Begin(path, header, expected);
                return log;
            }
            catch
            {
                log.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be used: {e.Message}", e);
        }
    }

    /// <summary>The samples of a problem that were drawn before; null when it is still to be drawn.</summary>
    public Completion[]? Find(string benchmark, Problem problem) =>
        done.TryGetValue((benchmark, problem.Id), out var samples) ? [.. samples] : null;

    /// <summary>Writes a problem's samples and hands them to the operating system.</summary>
    public void Append(string benchmark, IProblemSet set, Problem problem, IReadOnlyList<Completion> samples)
    {
        var text = new StringBuilder();
        for (var i = 0; i < samples.Count; i++)
        {
            var (sample, outcome) = (samples[i], set.Judge(problem, samples[i].Text, samples[i].Finished));
            text.Append(new JsonObject
            {
                ["benchmark"] = benchmark,
                ["id"] = problem.Id,
                ["sample"] = i,
                ["completion"] = sample.Text,
                ["tokens"] = sample.Tokens,
                ["finished"] = sample.Finished,
                ["extracted"] = set.AnswerOf(problem, sample.Text),
                ["outcome"] = outcome.Kind != OutcomeKind.Score
                    ? "failed"
                    : outcome.Score > 0 ? "right"
                    : outcome.WellFormed ? "wrong"
                    : "unparseable",
            }.ToJsonString(JsonLinesLog.Compact)).Append('\n');
        }
        stream.Write(Encoding.UTF8.GetBytes(text.ToString()));
        stream.Flush();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        stream.Dispose();
        gate.Remove();
    }

    private static FileStream Opened(string path, FolderLock held)
    {
        try
        {
            return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read);
        }
        catch
        {
            held.Remove();
            throw;
        }
    }

    private void Begin(string path, JsonObject header, IEnumerable<(string Benchmark, string Id, int Samples)> expected)
    {
        var first = header.ToJsonString(JsonLinesLog.Compact);
        var (lines, ends) = Lines();
        if (lines.Count == 0)
        {
            stream.SetLength(0);
            stream.Write(Encoding.UTF8.GetBytes(first + "\n"));
            stream.Flush();
            return;
        }
        if (lines[0] != first)
            throw new InputException(
                $"{path} holds something else, or the samples of another evaluation (model, problems or settings differ). "
                    + "Give another file.");
        var at = 1;
        foreach (var (benchmark, id, samples) in expected)
        {
            var own = new List<Completion>();
            for (var i = 0; i < samples && at + i < lines.Count; i++)
                if (Row(lines[at + i], benchmark, id, i) is { } completion)
                    own.Add(completion);
            if (own.Count < samples)
                break;
            done[(benchmark, id)] = own;
            at += samples;
        }
        // All was read: the next row comes at the end.
        stream.SetLength(ends[at - 1]);
    }

    // Whole lines, and where each ends.
    private (List<string> Lines, List<long> Ends) Lines()
    {
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        var (lines, ends, start) = (new List<string>(), new List<long>(), 0);
        for (int length; (length = bytes.AsSpan(start).IndexOf((byte)'\n')) >= 0; start += length + 1)
        {
            lines.Add(Encoding.UTF8.GetString(bytes, start, length));
            ends.Add(start + length + 1);
        }
        return (lines, ends);
    }

    private static Completion? Row(string line, string benchmark, string id, int sample)
    {
        try
        {
            return JsonNode.Parse(line) is JsonObject row
                && (string?)row["benchmark"] == benchmark
                && (string?)row["id"] == id
                && (int?)row["sample"] == sample
                && (string?)row["completion"] is { } text
                && (bool?)row["finished"] is { } finished
                ? new(text, (int?)row["tokens"], finished)
                : null;
        }
        catch (Exception e)
            when (e is System.Text.Json.JsonException or InvalidOperationException or ArgumentNullException or FormatException)
        {
            return null;
        }
    }
}
