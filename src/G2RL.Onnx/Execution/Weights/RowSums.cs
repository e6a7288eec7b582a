using System.Numerics.Tensors;
using G2RL.Onnx.Execution.Sessions;

namespace G2RL.Onnx.Execution;

/// <summary>
/// Sums of rows of a matrix, of those alone that tokens of some batches look up: a gradient of an embedding that holds no zeros.
/// </summary>
/// <param name="rows">Rows of the matrix.</param>
/// <param name="width">Their length.</param>
internal sealed class RowSums(int rows, int width) : IDisposable
{
    private readonly int[] places = new int[rows];
    private readonly List<int> numbers = [];
    private FloatBuffer? sums;

    /// <summary>Begins with zeros for the rows that some tokens look up.</summary>
    public void Begin(IEnumerable<long[]> tokens)
    {
        numbers.Clear();
        Array.Fill(places, -1);
        foreach (var ids in tokens)
            foreach (var id in ids)
                // What lies outside is refused where it is looked up.
                if ((ulong)id < (ulong)places.Length && places[id] < 0)
                {
                    places[id] = numbers.Count;
                    numbers.Add((int)id);
                }
        var length = (long)numbers.Count * width;
        if (sums is null || sums.Length < length)
        {
            sums?.Dispose();
            sums = new(length);
        }
        else
            sums.Slice(0, (int)length).Clear();
    }

    /// <summary>Adds the rows of tokens, in their order.</summary>
    public void Add(long[] ids, FloatBuffer each)
    {
        for (var t = 0; t < ids.Length; t++)
        {
            var sum = sums!.Slice((long)places[ids[t]] * width, width);
            TensorPrimitives.Add(sum, each.Slice((long)t * width, width), sum);
        }
    }

    /// <summary>Adds the sums to the matrix.</summary>
    public void AddTo(FloatBuffer matrix)
    {
        for (var place = 0; place < numbers.Count; place++)
        {
            var row = matrix.Slice((long)numbers[place] * width, width);
            TensorPrimitives.Add(row, sums!.Slice((long)place * width, width), row);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => sums?.Dispose();
}
