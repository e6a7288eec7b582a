using System.Reflection;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>
/// The process that runs tests on the woven assembly: a line of JSON in is an order, lines out are what happened. It lies in a copy of the
/// tests' own folder and may be killed at any moment.
/// </summary>
internal static class Worker
{
    /// <summary>Serves until its input ends.</summary>
    /// <param name="tests">The test assembly.</param>
    /// <param name="woven">The assembly with the mutants, by its simple name.</param>
    /// <param name="count">How many mutants it holds.</param>
    public static int Serve(string tests, string woven, int count)
    {
        var (input, output) = (Console.In, new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = true });
        Console.SetOut(TextWriter.Null);
        Console.SetError(TextWriter.Null);
        var target = Assembly.Load(woven).GetType("G2RL.Onnx.MutantSwitch")!;
        var active = target.GetField("Active")!;
        using var watch = new Watch(target, count);
        // What is static may be made while tests are looked for: their data may need it.
        TestRunner runner = null!;
        var early = watch.Note(() => runner = new TestRunner(Assembly.LoadFrom(Path.GetFullPath(tests))));
        var isWarm = false; // the first test waits for the compiler
        var made = new Dictionary<int, string[]?>(watch.Makers);
        while (input.ReadLine() is { } line)
        {
            var order = JsonNode.Parse(line)!;
            switch ((string?)order["do"])
            {
                case "names":
                    Say(new JsonObject
                    {
                        ["names"] = new JsonArray([.. runner.Names.Select(n => JsonValue.Create(n))]),
                        ["hits"] = Numbers(early),
                        ["makers"] = JsonSerializer.SerializeToNode(made),
                    });
                    break;
                case "cover":
                    (TestEnd End, string? Message, double Milliseconds) ran = default;
                    var found = watch.Note(() => ran = runner.Run((string)order["test"]!));
                    Say(new JsonObject
                    {
                        ["end"] = ran.End.ToString(),
                        ["message"] = ran.Message,
                        ["ms"] = ran.Milliseconds,
                        ["hits"] = Numbers(found),
                        ["isNew"] = watch.IsNew,
                        ["makers"] = JsonSerializer.SerializeToNode(watch.Makers),
                    });
                    break;
                case "mutant":
                    var makers = order["makers"]?.AsArray().Select(t => target.Assembly.GetType((string)t!)!).ToArray() ?? [];
                    Mutant((int)order["id"]!, order["tests"]!.Deserialize<Candidate[]>()!, makers);
                    break;
                default:
                    throw new InvalidOperationException(line);
            }
        }
        return 0;

        void Mutant(int id, Candidate[] candidates, Type[] makers)
        {
            // Made once without the fault: what cannot be made again is tried in a process of its own.
            if (Make(makers) is { } cannot)
            {
                Say(new JsonObject { ["unmade"] = cannot });
                return;
            }
            active.SetValue(null, id);
            var unmade = Make(makers);
            foreach (var (test, milliseconds) in unmade is null ? candidates : candidates[..1])
            {
                Say(new JsonObject { ["at"] = test });
                (TestEnd End, string? Message, double Milliseconds) ran = (TestEnd.Failed, unmade, 0);
                active.SetValue(null, id);
                var isStopped = unmade is null && watch.Limit((isWarm ? 1 : 5) + milliseconds / 100, () => ran = runner.Run(test));
                active.SetValue(null, -1);
                isWarm = true;
                if (ran.End != TestEnd.Failed && !isStopped)
                    continue;
                // Without the fault it must pass; if not, this process has been spoiled.
                Say(new JsonObject { ["at"] = test });
                var clean = Make(makers) is null && runner.Run(test).End == TestEnd.Passed;
                Say(new JsonObject { ["killed"] = test, ["stopped"] = isStopped, ["message"] = ran.Message, ["clean"] = clean });
                return;
            }
            active.SetValue(null, -1);
            Say(new JsonObject { ["survived"] = true, ["clean"] = Make(makers) is null });
        }

        static JsonArray Numbers(byte[] marked) =>
            new([.. Enumerable.Range(0, marked.Length).Where(i => marked[i] != 0).Select(i => JsonValue.Create(i))]);

        void Say(JsonObject what) => output.WriteLine(what.ToJsonString(new JsonSerializerOptions()));
    }

    // Runs static constructors again, the innermost first. Reflection would not: it runs them once.
    private static unsafe string? Make(Type[] makers)
    {
#pragma warning disable CA1031 // what a fault throws there is what is asked for
        try
        {
            foreach (var type in makers)
                ((delegate* managed<void>)type.TypeInitializer!.MethodHandle.GetFunctionPointer())();
            return null;
        }
        catch (Exception e)
        {
            return e.Message;
        }
#pragma warning restore CA1031
    }

    /// <summary>A test to try.</summary>
    /// <param name="Test">Its name.</param>
    /// <param name="Milliseconds">How long it takes without a fault.</param>
    internal sealed record Candidate(string Test, double Milliseconds);
}
