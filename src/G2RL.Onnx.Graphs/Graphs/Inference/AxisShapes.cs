using static G2RL.Onnx.Graphs.ShapeRules;

namespace G2RL.Onnx.Graphs.Inference;

/// <summary>Operators that change axes: reductions, shapes, parts.</summary>
internal static class AxisShapes
{
    public static Inferred[] Reduce(Node node, int outputs)
    {
        var x = In(node, 0);
        var axes = (Optional(node, 1) is null ? node.Ints("axes") : Constants(node, 1)) ?? [];
        // No axes are all of them, said or unsaid.
        if (axes.Count == 0 && node.Int("noop_with_empty_axes", 0) == 0)
            axes = [.. Enumerable.Range(0, x.Rank).Select(i => (long)i)];
        var reduced = axes.Select(a => Axis(node, a, x.Rank)).ToHashSet();
        var keep = node.Int("keepdims", 1) != 0;
        return [new(x.Type, [.. x.Shape.Select((d, i) => reduced.Contains(i) ? (keep ? 1 : (Dimension?)null) : d).OfType<Dimension>()])];
    }

    public static Inferred[] TopK(Node node, int outputs)
    {
        var (x, k) = (In(node, 0), In(node, 1));
        if (k.Type != ElementType.Int64 || k.Rank != 1)
            throw Conflict(node, "needs its count as one int64 [1]");
        var axis = Axis(node, node.Int("axis", -1), x.Rank);
        // How many there are may be known only when the graph runs.
        var count = k.KnownElements is [{ } known] ? known : Dimension.FromSymbol($"({node.Name})");
        Dimension[] shape = [.. x.Shape.Select((d, i) => i == axis ? count : d)];
        return [new(x.Type, shape), new(ElementType.Int64, shape)];
    }

    public static Inferred[] ShapeOf(Node node, int outputs)
    {
        var shape = In(node, 0).Shape;
        var start = (int)Math.Clamp(node.Int("start", 0) is < 0 and var s ? s + shape.Count : node.Int("start", 0), 0, shape.Count);
        var end = (int)Math.Clamp(
            node.Int("end", shape.Count) is < 0 and var e ? e + shape.Count : node.Int("end", shape.Count),
            start,
            shape.Count);
        return [new(ElementType.Int64, [end - start], [.. shape.Skip(start).Take(end - start)])];
    }

    public static Inferred[] Reshape(Node node, int outputs)
    {
        var x = In(node, 0);
        var allowZero = node.Int("allowzero", 0) != 0;
        Dimension?[] target;
        if (In(node, 1).KnownElements is { } known && (allowZero || !known.Any(d => d is { IsKnown: true, Size: 0 })))
            target = [.. known.Select(d => (Dimension?)d)];
        else
            target = [.. Constants(node, 1).Select((d, i) => d == -1
                ? null
                : d == 0 && !allowZero ? (i < x.Rank ? x.Shape[i] : throw Conflict(node, $"copies axis {i}, outside rank {x.Rank}"))
                : (Dimension?)Length(node, d))];
        if (target.Count(d => d is null) > 1)
            throw Conflict(node, "leaves more than one axis open (-1)");
        var total = Shapes.Product(x.Shape);
        var fixedPart = Shapes.Product(target.OfType<Dimension>());
        if (Array.FindIndex(target, d => d is null) is >= 0 and var open)
            target[open] = Dimension.Divide(total, fixedPart) ?? throw Conflict(node, $"cannot divide {total} elements by {fixedPart}");
        else if (total != fixedPart)
            throw Conflict(node, $"turns {total} elements into {fixedPart}");
        return [new(x.Type, [.. target.Select(d => d!.Value)], x.KnownElements)];
    }

    public static Inferred[] Transpose(Node node, int outputs)
    {
        var x = In(node, 0);
        var perm = node.Ints("perm") ?? [.. Enumerable.Range(0, x.Rank).Reverse().Select(i => (long)i)];
        if (!perm.Order().SequenceEqual(Enumerable.Range(0, x.Rank).Select(i => (long)i)))
            throw Conflict(node, $"has perm [{string.Join(", ", perm)}], no permutation of {x.Rank} axes");
        return [new(x.Type, [.. perm.Select(p => x.Shape[(int)p])])];
    }

    public static Inferred[] Unsqueeze(Node node, int outputs)
    {
        var x = In(node, 0);
        var axes = Constants(node, 1);
        var shape = new List<Dimension>(x.Shape);
        var places = axes.Select(a => Axis(node, a, x.Rank + axes.Length)).ToHashSet();
        if (places.Count != axes.Length)
            throw Conflict(node, "names an axis twice");
        foreach (var axis in places.Order())
            shape.Insert(axis, 1);
        return [new(x.Type, shape, x.KnownElements)];
    }

    public static Inferred[] Squeeze(Node node, int outputs)
    {
        var x = In(node, 0);
        var axes = Optional(node, 1) is null
            ? [.. Enumerable.Range(0, x.Rank).Where(i => x.Shape[i].IsOne)]
            : Constants(node, 1).Select(a => Axis(node, a, x.Rank)).ToHashSet();
        if (axes.FirstOrDefault(a => !x.Shape[a].IsOne, -1) is >= 0 and var wrong)
            throw Conflict(node, $"removes axis {wrong} of length {x.Shape[wrong]}");
        return [new(x.Type, [.. x.Shape.Where((_, i) => !axes.Contains(i))], x.KnownElements)];
    }

    public static Inferred[] Expand(Node node, int outputs)
    {
        var target = In(node, 1).KnownElements ?? throw Conflict(node, "expands to a shape that is not known");
        return [new(
            In(node, 0).Type,
            Shapes.Broadcast(In(node, 0).Shape, target) ?? throw Conflict(node, $"cannot expand to {Shapes.Text(target)}"))];
    }

    public static Inferred[] Concat(Node node, int outputs)
    {
        var first = In(node, 0);
        var axis = Axis(node, node.Int("axis", 0), first.Rank);
        var shape = first.Shape.ToArray();
        // Along another axis the elements would interleave.
        var elements = axis == 0 ? first.KnownElements?.ToList() : null;
        var lengths = new List<Dimension> { first.Shape[axis] };
        for (var i = 1; i < node.Inputs.Count; i++)
        {
            var x = In(node, i);
            if (x.Type != first.Type
                || x.Rank != first.Rank
                || Enumerable.Range(0, x.Rank).Any(d => d != axis && x.Shape[d] != first.Shape[d]))
                throw Conflict(node, $"has inputs that differ outside axis {axis}");
            lengths.Add(x.Shape[axis]);
            elements = elements is not null && x.KnownElements is { } more ? [.. elements, .. more] : null;
        }
        shape[axis] = Dimension.Sum(lengths);
        return [new(first.Type, shape, elements)];
    }

    public static Inferred[] Split(Node node, int outputs)
    {
        var x = In(node, 0);
        var axis = Axis(node, node.Int("axis", 0), x.Rank);
        long[] sizes;
        if (Optional(node, 1) is { Constant: null, KnownElements: { } computed })
            return computed.Count == outputs
                ? [.. computed.Select(d => new Inferred(x.Type, With(x.Shape, axis, d)))]
                : throw Conflict(node, $"has {outputs} outputs for {computed.Count} parts");
        if (Optional(node, 1) is not null)
            sizes = Constants(node, 1);
        else if (x.Shape[axis] is { IsKnown: true, Size: var size } && size % outputs == 0)
            sizes = [.. Enumerable.Repeat(size / outputs, outputs)];
        else
            throw Conflict(node, $"cannot divide axis {axis} into {outputs} equal parts");
        if (x.Shape[axis] is { IsKnown: true } known && known.Size != sizes.Sum())
            throw Conflict(node, $"splits {known} into {string.Join(" + ", sizes)}");
        if (sizes.Length != outputs)
            throw Conflict(node, $"has {outputs} outputs for {sizes.Length} parts");
        return [.. sizes.Select(s => new Inferred(x.Type, With(x.Shape, axis, Length(node, s))))];
    }

    public static Inferred[] Slice(Node node, int outputs)
    {
        var x = In(node, 0);
        var (starts, ends) = (Constants(node, 1), Constants(node, 2));
        var axes = Optional(node, 3) is null ? [.. Enumerable.Range(0, starts.Length).Select(i => (long)i)] : Constants(node, 3);
        var steps = Optional(node, 4) is null ? [.. Enumerable.Repeat(1L, starts.Length)] : Constants(node, 4);
        if (ends.Length != starts.Length
            || axes.Length != starts.Length
            || steps.Length != starts.Length
            || steps.Any(s => s is 0 or long.MinValue))
            throw Conflict(node, "needs a start, an end, an axis and a step other than 0 for every axis it cuts");
        if (axes.Select(a => Axis(node, a, x.Rank)).Distinct().Count() != axes.Length)
            throw Conflict(node, "names an axis twice");
        var shape = x.Shape.ToArray();
        for (var i = 0; i < starts.Length; i++)
        {
            var axis = Axis(node, axes[i], x.Rank);
            if (!shape[axis].IsKnown)
            {
                if (starts[i] != 0 || steps[i] != 1 || ends[i] < int.MaxValue)
                    shape[axis] = Dimension.FromSymbol($"({shape[axis].ToString().Replace('*', 'x')}[{starts[i]}:{ends[i]}:{steps[i]}])");
                continue;
            }
            var n = shape[axis].Size;
            long Bound(long v, long low, long high) => Math.Clamp(v < 0 ? v + n : v, low, high);
            var span = n == 0 ? 0
                : steps[i] > 0 ? Bound(ends[i], 0, n) - Bound(starts[i], 0, n)
                : Bound(starts[i], 0, n - 1) - (ends[i] < -n ? -1 : Bound(ends[i], -1, n - 1));
            shape[axis] = span <= 0 ? 0 : 1 + ((span - 1) / Math.Abs(steps[i]));
        }
        IReadOnlyList<Dimension>? elements = null;
        if (x.KnownElements is { } all && x.Rank == 1 && steps is [1] && shape[0].IsKnown)
            elements =
                [.. all.Skip((int)Math.Clamp(starts[0] < 0 ? starts[0] + all.Count : starts[0], 0, all.Count)).Take((int)shape[0].Size)];
        return [new(x.Type, shape, elements)];
    }

    public static Inferred[] Pad(Node node, int outputs)
    {
        var x = In(node, 0);
        var pads = Constants(node, 1);
        if (pads.Length != 2 * x.Rank || Optional(node, 3) is not null)
            throw Conflict(node, "needs a begin and an end for every axis");
        return [new(x.Type, [.. x.Shape.Select((d, i) => d.IsKnown
            ? Length(node, checked(d.Size + pads[i] + pads[i + x.Rank]))
            : pads[i] + pads[i + x.Rank] == 0 ? d
            : throw Conflict(node, $"pads axis {i} of unknown length"))])];
    }

    public static Inferred[] ConstantOfShape(Node node, int outputs)
    {
        var shape = In(node, 0).KnownElements ?? throw Conflict(node, "fills a shape that is not known");
        if (!node.Attributes.TryGetValue("value", out var value))
            return [new(ElementType.Float32, shape)];
        return value.Tensor is { Count: 1, IsHere: true } one
            ? [new(one.Type, shape)]
            : throw Conflict(node, "fills with something other than one element");
    }

    public static Inferred[] Range(Node node, int outputs)
    {
        var (start, limit, delta) = (In(node, 0).KnownElements, In(node, 1).KnownElements, In(node, 2).KnownElements);
        var counted = start is [{ IsKnown: true, Size: 0 }] && delta is [{ IsOne: true }] && limit is [_];
        return [new(In(node, 0).Type, [counted ? limit![0] : Dimension.FromSymbol($"({node.Name})")])];
    }
}
