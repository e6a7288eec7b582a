using System.Diagnostics;
using System.Globalization;
using MathNet.Numerics.Statistics;
using Microsoft.ML.OnnxRuntimeGenAI;

// Tokens a second of ONNX Runtime GenAI on a converted folder: FOLDER VOCABULARY BATCH... A row has 16 prompt tokens and 24 new ones, drawn
// at temperature 1 from the whole vocabulary. Medians of five draws, with the prompt and without.
const int PromptTokens = 16, NewTokens = 24, Repeats = 5;
if (args.Length < 3)
{
    Console.Error.WriteLine("FOLDER VOCABULARY BATCH...: a folder that g2rl-convert wrote, its vocabulary, and numbers of rows.");
    return 2;
}
var (folder, vocabulary) = (args[0], int.Parse(args[1], CultureInfo.InvariantCulture));
using var model = new Model(folder);
foreach (var batch in args.Skip(2).Select(a => int.Parse(a, CultureInfo.InvariantCulture)))
{
    var (whole, decoded) = (new List<double>(), new List<double>());
    // The first draw warms up.
    for (var repeat = 0; repeat <= Repeats; repeat++)
    {
        var (prompt, rest, steps) = Draw(model, vocabulary, batch);
        if (repeat == 0)
            continue;
        whole.Add(batch * (steps + 1) / (prompt + rest));
        decoded.Add(batch * steps / rest);
    }
    Console.WriteLine(string.Create(
        CultureInfo.InvariantCulture,
        $"batch {batch}: {whole.Median():0.0} tokens/s with the prompt, {decoded.Median():0.0} without"));
}
return 0;

// Seconds of the prompt with its first token and of the tokens after it, and how many these were.
static (double Prompt, double After, int Steps) Draw(Model model, int vocabulary, int batch)
{
    using var parameters = new GeneratorParams(model);
    parameters.SetSearchOption("max_length", PromptTokens + NewTokens);
    parameters.SetSearchOption("min_length", PromptTokens + NewTokens);
    parameters.SetSearchOption("batch_size", batch);
    parameters.SetSearchOption("do_sample", true);
    parameters.SetSearchOption("top_k", 0);
    parameters.SetSearchOption("top_p", 1);
    parameters.SetSearchOption("temperature", 1);
    using var generator = new Generator(model, parameters);
    var ids = new int[batch * PromptTokens];
    for (var i = 0; i < ids.Length; i++)
        ids[i] = (int)(i * 7919L % vocabulary);
    var started = Stopwatch.GetTimestamp();
    generator.AppendTokens(ids);
    generator.GenerateNextToken();
    var prompt = Stopwatch.GetElapsedTime(started).TotalSeconds;
    var steps = 0;
    for (; steps < NewTokens - 1 && !generator.IsDone(); steps++)
        generator.GenerateNextToken();
    return (prompt, Stopwatch.GetElapsedTime(started).TotalSeconds - prompt, steps);
}
