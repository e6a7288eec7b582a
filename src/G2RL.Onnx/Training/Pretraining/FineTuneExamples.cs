using System.Runtime.InteropServices;
using System.Security.Cryptography;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Training.Pretraining;

/// <summary>All sequences of a fine-tuning, checked against the model before the first is learned.</summary>
internal sealed class FineTuneExamples
{
    private readonly List<Sequence> train = [];
    private readonly List<Sequence> heldOut = [];
    private readonly List<string> notes = [];
    private readonly FineTuneConfig config;

    /// <summary>Reads the files.</summary>
    /// <exception cref="InputException">Rows are broken or too long (all of them are told, up to 20), or nothing is left.</exception>
    public FineTuneExamples(FineTuneConfig config, FineTuneRows rows, int positions, int vocabulary)
    {
        this.config = config;
        var data = config.Data;
        var prompts = new HashSet<string>(StringComparer.Ordinal);
        foreach (var row in Read(data.Train))
        {
            var isHeldOut = data.HeldOut.Length == 0 && FineTuneRows.IsHeldOut(row, data.HeldOutFraction);
            (isHeldOut ? heldOut : train).AddRange(row.Sequences);
            if (!isHeldOut)
                prompts.Add(row.Prompt);
        }
        if (data.HeldOut.Length > 0)
        {
            var shared = 0;
            foreach (var row in Read(data.HeldOut))
            {
                heldOut.AddRange(row.Sequences);
                shared += prompts.Contains(row.Prompt) ? 1 : 0;
            }
            if (shared > 0)
                notes.Add($"{data.HeldOut}: {shared} prompts are learned, too; the held-out loss is too low for them.");
        }
        if (train.Count == 0)
            throw new InputException($"{data.Train} leaves no example to learn from; add rows, or lower data.heldOutFraction.");
        if (heldOut.Count == 0)
            notes.Add($"Nothing of {data.Train} is held out, so no held-out loss is measured.");

        IEnumerable<FineTuneRow> Read(string path)
        {
            var (found, faults, tooLong) = (new List<FineTuneRow>(), new RowFaults(), 0);
            foreach (var row in SourceReader.Rows(path, faults))
                if (faults.Guard(row, () => rows.Read(row)) is { } read)
                {
                    var longest = read.Sequences.Max(s => s.InputLength + 1);
                    var largest = read.Sequences.Max(s => Math.Max(s.Prompt.Max(), s.Response.Max()));
                    if (largest >= vocabulary)
                        faults.Add(row.File, row.Number, $" holds token {largest} of the tokenizer; the model's vocabulary has "
                            + $"{vocabulary}. Tokenizer and weights of {config.Model} do not belong together.");
                    else if (longest <= positions)
                        found.Add(read);
                    else if (data.SkipTooLong)
                        tooLong++;
                    else
                        faults.Add(row.File, row.Number, $" has {longest} tokens; at most {positions} are allowed (maxTokens, and the "
                            + "model's positions). Raise maxTokens, shorten the row, or set data.skipTooLong.");
                }
            faults.ThrowIfAny();
            if (tooLong > 0)
                notes.Add($"{path}: {tooLong} rows have more than {positions} tokens and are left out.");
            return found;
        }
    }

    /// <summary>What is measured on.</summary>
    public IReadOnlyList<Sequence> HeldOut => heldOut;

    /// <summary>Sequences that are learned in each epoch.</summary>
    public int Count => train.Count;

    /// <summary>What deserves a word.</summary>
    public IReadOnlyList<string> Notes => notes;

    /// <summary>Steps of all epochs; the last one may be smaller.</summary>
    public int Steps => (int)((((long)train.Count * config.Epochs) + config.ExamplesPerStep - 1) / config.ExamplesPerStep);

    /// <summary>SHA-256 of all tokens: what a resumption must find again.</summary>
    public string Hash
    {
        get
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            foreach (var (prompt, response) in train.Concat(heldOut))
            {
                hash.AppendData(MemoryMarshal.AsBytes<int>([prompt.Length, response.Length]));
                hash.AppendData(MemoryMarshal.AsBytes<int>(prompt));
                hash.AppendData(MemoryMarshal.AsBytes<int>(response));
            }
            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
    }

    /// <summary>The sequences of a step: every epoch is a fresh shuffle of all, one behind the other.</summary>
    public Sequence[] Of(int step)
    {
        var first = (long)step * config.ExamplesPerStep;
        var count = (int)Math.Min(config.ExamplesPerStep, ((long)train.Count * config.Epochs) - first);
        var (batch, order, epoch) = (new Sequence[count], Array.Empty<int>(), -1L);
        for (var i = 0; i < count; i++)
        {
            var at = first + i;
            if (at / train.Count != epoch)
            {
                epoch = at / train.Count;
                order = new ProblemRandom(config.Seed, ProblemRandom.Stream(0x46696E65, (ulong)epoch)).Permutation(train.Count);
            }
            batch[i] = train[order[at % train.Count]];
        }
        return batch;
    }
}
