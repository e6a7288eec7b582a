using System.Runtime.InteropServices;
using Google.FlatBuffers;

namespace G2RL.Onnx.Graphs.Tests.Artifacts;

/// <summary>
/// A checkpoint built field by field with the flatbuffers library, as ONNX Runtime builds it (names sorted, empty lists written), with room
/// for faults.
/// </summary>
internal sealed class HandBuiltCheckpoint
{
    private readonly FlatBufferBuilder b = new(1024);

    public int Version { get; set; } = 2;

    public string Identifier { get; set; } = "ODTC";

    public bool Nominal { get; set; }

    public bool WithModule { get; set; } = true;

    public bool WithFrozenList { get; set; } = true;

    public string Second { get; set; } = "w";

    public int Type { get; set; } = 1;

    public long FirstLength { get; set; } = 2;

    public bool WithData { get; set; } = true;

    public long Offset { get; set; } = -1;

    public string Group { get; set; } = "group0";

    public string Moment { get; set; } = "momentum1";

    public string StateOf { get; set; } = "v";

    public byte[] Build()
    {
        // v [2] and w [1, 3] learn, f [] does not.
        var trainable = Vector(Tensor("v", [FirstLength], [1, 2], Type, WithData, Offset), Tensor(Second, [1, 3], [3, 4, 5]));
        var frozen = Vector(Tensor("f", [], [6]));
        b.StartTable(4);
        b.AddOffset(0, trainable, 0);
        if (WithFrozenList)
            b.AddOffset(1, frozen, 0);
        if (Nominal)
            b.AddBool(2, true, false);
        var module = b.EndTable();
        var states = Vector(State(StateOf, [2], [0.1f, 0.2f], [0.3f, 0.4f]), State("w", [1, 3], [1, 1, 1], [2, 2, 2]));
        var name = b.CreateString(Group).Value;
        b.StartTable(4);
        b.AddLong(1, 41, 0);
        b.AddFloat(2, 0.001f, 0);
        b.AddOffset(0, name, 0);
        b.AddOffset(3, states, 0);
        var groups = Vector(b.EndTable());
        var (ints, floats, strings) =
            (Vector(Property("epoch", whole: 7)), Vector(Property("best", number: 1.5f)), Vector(Property("note", text: "grün")));
        b.StartTable(3);
        b.AddOffset(0, ints, 0);
        b.AddOffset(1, floats, 0);
        b.AddOffset(2, strings, 0);
        var bag = b.EndTable();
        b.StartTable(4);
        b.AddInt(0, Version, 0);
        if (WithModule)
            b.AddOffset(1, module, 0);
        b.AddOffset(2, groups, 0);
        b.AddOffset(3, bag, 0);
        b.Finish(b.EndTable(), Identifier);
        return b.SizedByteArray();
    }

    private int State(string of, long[] dims, float[] first, float[] second)
    {
        var moments = Vector(Tensor("momentum0", dims, first), Tensor(Moment, dims, second));
        var name = b.CreateString(of).Value;
        b.StartTable(2);
        b.AddOffset(0, name, 0);
        b.AddOffset(1, moments, 0);
        return b.EndTable();
    }

    private int Tensor(string name, long[] dims, float[] values, int type = 1, bool withData = true, long offset = -1)
    {
        var title = b.CreateString(name).Value;
        b.StartVector(8, dims.Length, 8);
        foreach (var d in dims.Reverse())
            b.AddLong(d);
        var shape = b.EndVector().Value;
        var bytes = MemoryMarshal.AsBytes<float>(values).ToArray();
        b.StartVector(1, bytes.Length, 1);
        b.Put(bytes);
        var raw = b.EndVector().Value;
        b.StartTable(7);
        b.AddOffset(0, title, 0);
        b.AddOffset(2, shape, 0);
        b.AddInt(3, type, 0);
        if (withData)
            b.AddOffset(4, raw, 0);
        b.AddLong(6, offset, -1);
        return b.EndTable();
    }

    private int Property(string title, long? whole = null, float? number = null, string? text = null)
    {
        var name = b.CreateString(title).Value;
        var value = text is null ? 0 : b.CreateString(text).Value;
        b.StartTable(2);
        b.AddOffset(0, name, 0);
        b.AddLong(1, whole);
        b.AddFloat(1, number);
        if (text is not null)
            b.AddOffset(1, value, 0);
        return b.EndTable();
    }

    private int Vector(params int[] offsets)
    {
        b.StartVector(4, offsets.Length, 4);
        foreach (var offset in offsets.Reverse())
            b.AddOffset(offset);
        return b.EndVector().Value;
    }
}
