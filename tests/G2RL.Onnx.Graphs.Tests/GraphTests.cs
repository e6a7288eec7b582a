namespace G2RL.Onnx.Graphs.Tests;

[TestClass]
public sealed class GraphTests
{
    private readonly Graph graph = new("g");

    private OpBuilder Op => new(graph);

    [TestMethod]
    public void Node_WithAForeignValue_IsRefused()
    {
        var other = new Graph("other").Input("x", ElementType.Float32, 2);
        graph.Input("x", ElementType.Float32, 2);
        Refused("Input 'x' of Exp is no value of graph 'g'", () => Op.Exp(other));
        Refused("Output 'x' is no value of graph 'g'", () => graph.Output(other));
    }

    [TestMethod]
    public void Names_UsedTwice_AreRefused()
    {
        var x = graph.Input("x", ElementType.Float32, 2);
        graph.Add("Exp", [x], outputNames: ["y"], name: "n");
        Refused("defines 'x' twice", () => graph.Input("x", ElementType.Float32));
        Refused("defines 'y' twice", () => graph.Initializer("y", TensorData.Of([1f])));
        Refused("defines 'x' twice", () => graph.Add("Exp", [x], outputNames: ["x"]));
        Refused("defines 'z' twice", () => graph.Add("Split", [x, Op.Ints(1, 1)], outputNames: ["z", "z"]));
        Refused("leaves out a part", () => graph.Add("Split", [x, Op.Ints(1, 1)], outputNames: ["z", ""]));
        Refused("two nodes named 'n'", () => graph.Add("Exp", [x], name: "n"));
        Refused("has no name", () => graph.Input("", ElementType.Float32));
        graph.Output(graph["y"]);
        Refused("'y' of graph 'g' is declared twice", () => graph.Output(graph["y"]));
        Assert.HasCount(1, graph.Nodes);
    }

    [TestMethod]
    public void Node_ThatWasRefused_LeavesNoTrace()
    {
        var x = graph.Input("x", ElementType.Float32, 2);
        Refused("needs a floating type", () => graph.Add("Exp", [Op.Int(1)], outputNames: ["y"], name: "n"));
        graph.Add("Exp", [x], outputNames: ["y"], name: "n");
        Assert.HasCount(1, graph.Nodes);
    }

    [TestMethod]
    public void Value_ThatIsNotThere_IsNamed() => Refused("no value 'nothing'", () => _ = graph["nothing"]);

    [TestMethod]
    public void Operator_WithoutARule_IsNamed()
    {
        var x = graph.Input("x", ElementType.Float32, 2);
        Refused("'Frobnicate' (node 'f')", () => graph.Add("Frobnicate", [x], name: "f"));
        Refused("'ai.example::Exp'", () => graph.Add("Exp", [x], domain: "ai.example"));
    }

    [TestMethod]
    public void Attribute_OfAnotherKind_IsNamed()
    {
        var x = graph.Input("x", ElementType.Float32, 2);
        Refused("'axis' of Softmax", () => Op.Op("Softmax", [x], ("axis", 0.5f)));
    }

    [TestMethod]
    public void Constant_WithAnotherNumberOfBytes_IsRefused() =>
        Refused(
            "'c' of graph 'g' has 7 bytes; Float32 [2] needs 8",
            () => graph.Initializer("c", new TensorData(ElementType.Float32, [2], new byte[7])));

    [TestMethod]
    public void Value_WithMoreAxesThanTheLimit_IsRefused() =>
        Refused("65 axes", () => graph.Input("x", ElementType.Float32, [.. Enumerable.Repeat((Dimension)1, 65)]));

    [TestMethod]
    public void Prune_DropsWhatNoOutputNeeds_AndKeepsInputs()
    {
        var x = graph.Input("x", ElementType.Float32, 2);
        var unused = graph.Input("unused", ElementType.Float32, 2);
        var live = Op.Mul(x, Op.Scalar(2));
        var dead = Op.Add(Op.Exp(unused), Op.Scalar(3));
        graph.Output(live);
        graph.Prune();
        Assert.AreEqual("Mul", graph.Nodes.Single().Op);
        Assert.HasCount(1, graph.Initializers);
        Assert.HasCount(2, graph.Inputs);
        Assert.IsFalse(graph.Contains(dead.Name));
        Refused($"'{dead.Name}'", () => Op.Exp(dead));

        graph.Prune(alsoInputs: v => v.Name == "unused");
        Assert.AreEqual("x", graph.Inputs.Single().Name);
        // Its name and its constants' names are free again.
        graph.Input(dead.Name, ElementType.Float32);
        Op.Scalar(3);
    }

    [TestMethod]
    public void Prune_OfANodeWithOneUsedOutput_KeepsTheNode()
    {
        var x = graph.Input("x", ElementType.Float32, 4);
        graph.Output(Op.Split(x, 0, 1, 3)[1]);
        graph.Prune();
        Assert.HasCount(2, graph.Nodes.Single().Outputs);
    }

    [TestMethod]
    public void Builder_AfterPruning_MakesItsConstantsAnew()
    {
        var op = Op;
        var x = graph.Input("x", ElementType.Float32, 2);
        op.Mul(x, op.Scalar(2));
        graph.Prune();
        Assert.IsEmpty(graph.Initializers);
        graph.Output(op.Mul(x, op.Scalar(2)));
        Assert.HasCount(1, graph.Initializers);
    }

    [TestMethod]
    public void Builder_SharesEqualConstants()
    {
        var op = Op;
        Assert.AreSame(op.Scalar(2), op.Scalar(2));
        Assert.AreNotSame(op.Scalar(2), op.Scalar(2, ElementType.Float64));
        Assert.AreSame(op.Ints(1, -2), op.Ints(1, -2));
        Assert.AreNotSame(op.Int(1), op.Ints(1));
        Assert.AreNotSame(op.Scalar(0.0), op.Scalar(-0.0));
    }

    [TestMethod]
    public void FixedInput_OfItsOwnOrAShorterType_GivesTheSameNumbers()
    {
        Graph Sum()
        {
            var sum = new Graph("sum");
            var op = new OpBuilder(sum);
            var x = sum.Input("x", ElementType.Float32, "P", 2);
            sum.Output(op.Named("y", op.Add(op.Mul(x, x), op.Scalar(1))));
            return sum;
        }
        float[] numbers = [0.5f, -1, 2, 3];
        TensorData[] same =
        [
            TensorData.Of(numbers, 2, 2),
            new(
                ElementType.Float16,
                [2, 2],
                System.Runtime.InteropServices.MemoryMarshal.AsBytes<Half>([.. numbers.Select(n => (Half)n)]).ToArray()),
            new(ElementType.BFloat16, [2, 2], System.Runtime.InteropServices.MemoryMarshal.AsBytes<ushort>(
                [.. numbers.Select(n => (ushort)(BitConverter.SingleToUInt32Bits(n) >> 16))]).ToArray()),
        ];
        foreach (var data in same)
        {
            var sum = Sum();
            sum.Fix("x", data);
            Assert.IsEmpty(sum.Inputs);
            // 0.5^2 + 1, (-1)^2 + 1, 2^2 + 1, 3^2 + 1.
            CollectionAssert.AreEqual(
                TensorData.Of([1.25f, 2, 5, 10], 2, 2).Bytes.ToArray(),
                OrtRunner.Run(sum, new Dictionary<string, TensorData>())[0].Bytes.ToArray(),
                $"{data.Type}");
        }
        Refused("has no input 'y'", () => Sum().Fix("y", same[0]));
        Refused("cannot be fixed", () => Sum().Fix("x", TensorData.Of(numbers, 1, 4)));
        Refused("cannot be fixed", () => Sum().Fix("x", TensorData.Of(numbers, 4)));
        Refused("cannot be fixed", () => Sum().Fix("x", TensorData.Of([1L, 2], 1, 2)));
    }

    private static void Refused(string named, Action action) =>
        StringAssert.Contains(Assert.ThrowsExactly<GraphException>(action).Message, named);
}
