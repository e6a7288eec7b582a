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
        value is ScalarValue scalar && Scalar.Divide(Scalar.One, scalar.Scalar, budget) is { } inverse
        ? new(inverse, scalar.IsDecimal) : null;

    /// <summary>Each cell times the same number.</summary>
    public static MatrixValue? Scale(MatrixValue matrix, ScalarValue factor, Budget budget) =>
        Map(matrix.Rows.Length, matrix.Rows[0].Length, (i, j) => Product(At(matrix, i, j), factor, budget));

    private static MatrixValue? Add(Value a, Value b, Budget budget) =>
        a is MatrixValue x && b is MatrixValue y && x.Rows.Length == y.Rows.Length && x.Rows[0].Length == y.Rows[0].Length
        ? Map(x.Rows.Length, x.Rows[0].Length, (i, j) => Sum(At(x, i, j), At(y, i, j), budget))
        : null;

    private static Value? Multiply(Value a, Value b, Budget budget) => (a, b) switch
    {
        (ScalarValue x, ScalarValue y) => Product(x, y, budget),
        (ScalarValue x, MatrixValue y) => Scale(y, x, budget),
        (MatrixValue x, ScalarValue y) => Scale(x, y, budget),
        (MatrixValue x, MatrixValue y) when x.Rows[0].Length == y.Rows.Length => Map(x.Rows.Length, y.Rows[0].Length, (i, j) =>
        {
            var sum = Product(At(x, i, 0), At(y, 0, j), budget);
            for (var k = 1; k < y.Rows.Length; k++)
                sum = Sum(sum, Product(At(x, i, k), At(y, k, j), budget), budget);
            return sum;
        }),
        _ => null,
    };

    // What comes of a decimal is one.
    private static ScalarValue? Sum(ScalarValue? a, ScalarValue? b, Budget budget) =>
        Scalar.Add(a?.Scalar, b?.Scalar, budget) is { } sum ? new(sum, a!.IsDecimal || b!.IsDecimal) : null;

    private static ScalarValue? Product(ScalarValue? a, ScalarValue? b, Budget budget) =>
        Scalar.Multiply(a?.Scalar, b?.Scalar, budget) is { } product ? new(product, a!.IsDecimal || b!.IsDecimal) : null;

    private static ScalarValue? At(MatrixValue matrix, int row, int column) => matrix.Rows[row][column] as ScalarValue;

    private static MatrixValue? Map(int rows, int columns, Func<int, int, ScalarValue?> cell)
    {
        var result = new Value[rows][];
        for (var i = 0; i < rows; i++)
        {
            result[i] = new Value[columns];
            for (var j = 0; j < columns; j++)
            {
                if (cell(i, j) is not { } value)
                    return null;
                result[i][j] = value;
            }
        }

        return new(result);
    }
}
