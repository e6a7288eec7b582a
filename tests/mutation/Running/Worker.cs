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
        var (active, hits) = (target.GetField("Active")!, target.GetField("Hits")!);
        // What is static may be made while tests are looked for: their data may need it.
        var early = new byte[count];
        hits.SetValue(null, early);
        var runner = new TestRunner(Assembly.LoadFrom(Path.GetFullPath(tests)));
        hits.SetValue(null, null);
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
                    });
                    break;
                case "cover":
                    var name = (string)order["test"]!;
                    var found = new byte[count];
                    hits.SetValue(null, found);
                    var (end, message, took) = runner.Run(name);
                    hits.SetValue(null, null);
                    Say(new JsonObject
                    {
                        ["end"] = end.ToString(),
                        ["message"] = message,
                        ["ms"] = took,
                        ["hits"] = Numbers(found),
                    });
                    break;
                case "mutant":
                    Mutant((int)order["id"]!, order["tests"]!.AsArray().Select(t => (string)t!));
                    break;
                default:
                    throw new InvalidOperationException(line);
            }
        }
        return 0;

        void Mutant(int id, IEnumerable<string> candidates)
        {
            foreach (var test in candidates)
            {
                Say(new JsonObject { ["at"] = test });
                active.SetValue(null, id);
                var (end, message, _) = runner.Run(test);
                active.SetValue(null, -1);
                if (end != TestEnd.Failed)
                    continue;
                // Without the fault it must pass; if not, this process has been spoiled.
                Say(new JsonObject { ["at"] = test });
                var clean = runner.Run(test).End == TestEnd.Passed;
                Say(new JsonObject { ["killed"] = test, ["message"] = message, ["clean"] = clean });
                return;
            }
            Say(new JsonObject { ["survived"] = true });
        }

        static JsonArray Numbers(byte[] marked) =>
            new([.. Enumerable.Range(0, marked.Length).Where(i => marked[i] != 0).Select(i => JsonValue.Create(i))]);

        void Say(JsonObject what) => output.WriteLine(what.ToJsonString(new JsonSerializerOptions()));
    }
}
