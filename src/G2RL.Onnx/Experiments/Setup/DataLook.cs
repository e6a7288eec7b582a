using G2RL.Onnx.Problems;
using G2RL.Onnx.Problems.Files;
using G2RL.Onnx.Problems.Sources;

namespace G2RL.Onnx.Experiments.Setup;

/// <summary>What a file of problems holds, and how its answers are best judged.</summary>
internal sealed class DataLook
{
    private const int Few = 200;
    private const int ShortAnswer = 40;

    private DataLook(FileProblemsSettings settings, FileProblems problems, string fields, bool isNumeric)
    {
        (Settings, Problems, Fields, IsNumeric) = (settings, problems, fields, isNumeric);
        LongestAnswer = All.Max(p => p.Answer.Length);
    }

    /// <summary>How it is read.</summary>
    public FileProblemsSettings Settings { get; }

    /// <summary>The problems.</summary>
    public FileProblems Problems { get; }

    /// <summary>The names of the first row's fields.</summary>
    public string Fields { get; }

    /// <summary>Whether every answer is a number.</summary>
    public bool IsNumeric { get; }

    /// <summary>Characters of the longest answer.</summary>
    public int LongestAnswer { get; }

    /// <summary>Training problems, then held-out ones.</summary>
    public IEnumerable<Problem> All => Problems.Training.Concat(Problems.HeldOut(int.MaxValue));

    /// <summary>Reads the whole file.</summary>
    /// <param name="train">The problems.</param>
    /// <param name="heldOut">Held-out problems, or null.</param>
    /// <param name="chat">Whether prompts go through a template, whose system turn asks for a box.</param>
    /// <exception cref="InputException">Rows are broken, or nobody can tell which fields are prompt and answer.</exception>
    public static DataLook Of(string train, string? heldOut, bool chat)
    {
        var faults = new RowFaults();
        var first = SourceReader.Rows(train, faults).Take(1).ToArray();
        faults.ThrowIfAny();
        var fields = first.Length > 0 ? first[0].Names() : "none";
        var settings = new FileProblemsSettings
        {
            Train = train,
            HeldOut = heldOut,
            HeldOutFraction = heldOut is null ? 0.1 : null,
            Policy = "math",
        };
        // Any way to judge reads the same rows.
        var problems = new FileProblems(settings);
        // A tenth of few problems would say nothing.
        if (heldOut is null && problems.TrainCount + problems.HeldOutCount < Few)
            problems = new FileProblems(settings = settings with { HeldOutFraction = 0.2 });
        var answers = problems.Training.Concat(problems.HeldOut(int.MaxValue)).Select(p => p.Answer).ToArray();
        var marker = answers.All(a => a.Contains("####", StringComparison.Ordinal));
        var numeric = !marker && answers.All(a => IsPlain(a) && ExactNumber.TryParse(a, out _));
        settings = chat || marker || (!numeric && !answers.All(IsPlain))
            ? settings with { Policy = marker ? "gsm8k" : "math" }
            : numeric
                ? settings with { Policy = null, Answer = AnswerPlace.LastNumber, Match = AnswerMatch.Numeric }
                : settings with { Policy = null, Answer = AnswerPlace.Whole, Match = AnswerMatch.Exact };
        return new(settings, new FileProblems(settings), fields, numeric);
    }

    private static bool IsPlain(string answer) => answer.Length <= ShortAnswer && !answer.AsSpan().ContainsAny('\\', '$', '{');
}
