namespace G2RL.Onnx.Checkpoints;

/// <summary>
/// Rows of query and key weights in files whose rotary pairs are neighbours (2i, 2i + 1), where Hugging Face has halves (i, i + width / 2).
/// </summary>
internal static class RotaryPairs
{
    /// <summary>The row of such a file that is Hugging Face's row: within each head 0, 2, 4, ... and then 1, 3, 5, ...</summary>
    public static int RowInPairs(int row, int headDimension)
    {
        var half = headDimension / 2;
        var (head, place) = Math.DivRem(row, headDimension);
        return (head * headDimension) + (place < half ? 2 * place : (2 * (place - half)) + 1);
    }
}
