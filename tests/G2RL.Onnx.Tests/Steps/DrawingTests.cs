using G2RL.Onnx.Configuration;
using G2RL.Onnx.Problems;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Training;
using G2RL.Onnx.Training.Steps;

namespace G2RL.Onnx.Tests.Steps;

/// <summary>Phase 1: what is asked of the sampler.</summary>
[TestClass]
public sealed class DrawingTests
{
    private static readonly RunConfig Config = new() { Seed = 5, Sampling = new() { GroupSize = 3 } };
    private static readonly Problem[] Two = [new("a", "xx", ""), new("b", "xyz", "")];

    [TestMethod]
    public void Run_TwoProblems_AsksForTheirGroupsUnderTheStepsSeed()
    {
        var told = new List<string>();
        var source = new FakeSource((_, prompt, sample) => $"{prompt}{sample}");
        var events = new TrainingEvents { Progress = (phase, done, of) => told.Add($"{phase} {done}/{of}") };
        var drawing = new Drawing(source, p => new int[p.Prompt.Length], Config, features: new(), events);
        var step = new Step(7);
        var drawn = drawing.Run(step, Two);
        Assert.AreEqual("00 01 02|10 11 12", string.Join('|', drawn.Select(g => string.Join(' ', g.Select(r => r.Text)))));
        var request = source.Requests.Single();
        CollectionAssert.AreEqual(new[] { 2, 3 }, request.Prompts.Select(p => p.Length).ToArray());
        Assert.AreEqual(
            (3, Seeds.Derive(5, Seeds.Purpose.Sampling), 7, true, false),
            (request.Samples, request.Seed, request.Step, request.WithFeatures, request.KeepsFeatures));
        CollectionAssert.AreEqual(new[] { "sample 6/6" }, told);
        Assert.IsTrue(step.Metrics.Values.ContainsKey("time/sample_s"));
    }

    [TestMethod]
    public void Again_AfterTheFirstDraw_KeepsItsFeaturesAndItsLargestLogit()
    {
        var source = new FakeSource((draw, _, _) => $"{draw}");
        var drawing = new Drawing(source, _ => [1], Config, features: new(), new());
        var step = new Step(1);
        _ = drawing.Run(step, Two);
        Assert.AreEqual("1 1 1", string.Join(' ', drawing.Again(step, Two[..1], 99).Single().Select(r => r.Text)));
        Assert.AreEqual((99ul, 1, true, true), (source.Requests[1].Seed, source.Requests[1].Step, source.Requests[1].WithFeatures,
            source.Requests[1].KeepsFeatures));
        // 8 in the first draw, 2 in the second.
        Assert.AreEqual(8, drawing.LargestLogit);
        // A new step begins anew: 3 in the third draw.
        _ = drawing.Run(new Step(2), Two);
        Assert.AreEqual(3, drawing.LargestLogit);
    }

    // What is drawn ahead is what the step would ask for.
    [TestMethod]
    public void Request_OfAStepAhead_IsItsFirstDraw()
    {
        var request = new Drawing(new FakeSource((_, _, _) => "1"), _ => [1], Config, features: new(), new()).Request(7, Two);
        Assert.AreEqual(
            (2, 3, Seeds.Derive(5, Seeds.Purpose.Sampling), 7, true, false),
            (request.Prompts.Count, request.Samples, request.Seed, request.Step, request.WithFeatures, request.KeepsFeatures));
    }

    [TestMethod]
    public void Run_Cancelled_DrawsNothing()
    {
        using var cancel = new CancellationTokenSource();
        cancel.Cancel();
        var source = new FakeSource((_, _, _) => "1");
        var drawing = new Drawing(source, _ => [1], Config, features: null, new());
        Assert.ThrowsExactly<OperationCanceledException>(() => drawing.Run(new Step(0, cancel.Token), Two));
        Assert.IsEmpty(source.Requests);
    }
}
