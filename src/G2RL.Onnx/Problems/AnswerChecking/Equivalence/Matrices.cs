namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>Sums and products of matrices of scalars.</summary>
internal static class Matrices
{
    /// <summary>The sum or product of values of which one at least is a matrix; null when sizes differ.</summary>
    public static Value? Combine(NodeKind kind, Node[] parts, Func<Node, Value?> evaluate, Budget budget)
    {
        Value? result = null;
        foreach (var part in parts)
        {
            if ((part.Kind == NodeKind.Inverse ? Inverse(evaluate(part.Children[0]), budget) : evaluate(part)) is not { } value)
                return null;
            result = result is null ? value : kind == NodeKind.Sum ? Add(result, value, budget) : Multiply(result, value, budget);
            if (result is null)
                return null;
        }

        return result;
    }

    // A matrix is divided by numbers alone.
    private static ScalarValue? Inverse(Value? value, Budget budget) =>
        value is ScalarValue scalar && Scalar.Divide(Scalar.One, scalar.Scalar, budget) is { } inverse ? new(inverse) : null;

    /// <summary>Each cell times the same scalar.</summary>
    public static MatrixValue? Scale(MatrixValue matrix, Scalar factor, Budget budget) =>
        Map(matrix.Rows.Length, matrix.Rows[0].Length, (i, j) => Scalar.Multiply(At(matrix, i, j), factor, budget));

    private static MatrixValue? Add(Value a, Value b, Budget budget) =>
        a is MatrixValue x && b is MatrixValue y && x.Rows.Length == y.Rows.Length && x.Rows[0].Length == y.Rows[0].Length
        ? Map(x.Rows.Length, x.Rows[0].Length, (i, j) => Scalar.Add(At(x, i, j), At(y, i, j), budget))
        : null;

    private static Value? Multiply(Value a, Value b, Budget budget) => (a, b) switch
    {
        (ScalarValue x, ScalarValue y) => Scalar.Multiply(x.Scalar, y.Scalar, budget) is { } product ? new ScalarValue(product,
        x.IsDecimal || y.IsDecimal) : null,
        (ScalarValue x, MatrixValue y) => Scale(y, x.Scalar, budget),
        (MatrixValue x, ScalarValue y) => Scale(x, y.Scalar, budget),
        (MatrixValue x, MatrixValue y) when x.Rows[0].Length == y.Rows.Length => Map(x.Rows.Length, y.Rows[0].Length, (i, j) =>
        {
            var sum = Scalar.Zero;
            for (var k = 0; k < y.Rows.Length; k++)
                sum = Scalar.Add(sum, Scalar.Multiply(At(x, i, k), At(y, k, j), budget), budget);
            return sum;
        }),
        _ => null,
    };

    private static Scalar? At(MatrixValue matrix, int row, int column) => (matrix.Rows[row][column] as ScalarValue)?.Scalar;

    private static MatrixValue? Map(int rows, int columns, Func<int, int, Scalar?> cell)
    {
        var result = new Value[rows][];
        for (var i = 0; i < rows; i++)
        {
            result[i] = new Value[columns];
            for (var j = 0; j < columns; j++)
            {
                if (cell(i, j) is not { } value)
                    return null;
                result[i][j] = new ScalarValue(value);
            }
        }

        return new(result);
    }
}
