namespace G2RL.Onnx.Benchmarks;

/// <summary>The machine itself, and the matrix products that the models are made of, by where their weight lies.</summary>
internal static class ProductBenchmarks
{
    private static readonly (int Rows, int Inner, int Outer)[] Shapes =
        [(1, 576, 1536), (8, 576, 1536), (16, 576, 1536), (64, 576, 1536), (64, 1536, 576), (32, 576, 1536), (512, 576, 1536),
            (32, 128, 384), (512, 128, 384)];

    /// <summary>Limits that the other rows are held against.</summary>
    public static IEnumerable<Row> Limits(Machine machine)
    {
        yield return new("machine", "square product of 512 or 1024, packed", machine.Arithmetic / 1e9, 0, "GFLOP/s");
        foreach (var (name, bytes) in new[] { ("4 MiB", 4L << 20), ("256 MiB", 256L << 20) })
        {
            yield return new("machine", $"read {name}", machine.Reading(bytes) / 1e9, 0, "GB/s");
            yield return new("machine", $"a = b + s c over {name}", machine.Streaming(bytes) / 1e9, 0, "GB/s");
        }
    }

    /// <summary>The products.</summary>
    public static IEnumerable<Row> Products(Machine machine)
    {
        foreach (var (rows, inner, outer) in Shapes)
            foreach (var (layout, name) in new[]
            {
                (Layout.Packed, "packed"),
                (Layout.Input, "input, X W\u1d40"),
                (Layout.InputFirst, "input, W X\u1d40"),
                (Layout.Ours, "input, ours"),
            })
            {
                using var product = new Product(rows, inner, outer, layout, machine.Threads);
                var timing = Timing.Of(product.Run, machine.Budget / 4);
                var (least, by) = machine.Least(product.Flops, product.Bytes, (long)product.Bytes);
                yield return new(
                    "product",
                    $"{rows} x {inner} x {outer}, {name}",
                    product.Flops / timing.Seconds / 1e9,
                    timing.Spread,
                    "GFLOP/s")
                { Limit = product.Flops / least / 1e9, LimitedBy = by };
            }
    }
}
