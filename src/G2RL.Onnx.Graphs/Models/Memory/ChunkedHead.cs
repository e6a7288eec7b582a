using G2RL.Onnx.Gradients;
using G2RL.Onnx.Graphs;
using G2RL.Onnx.Graphs.Fused;

namespace G2RL.Onnx.Models;

/// <summary>
/// The LM head, log-probs, entropies, the objective and their gradients over chunks of rows, in standard operators: logits are held for one
/// chunk at a time, forward and backward, so that memory does not grow with vocabulary x length. An objective that is a sum over tokens is
/// differentiated inside the chunk, and no product is computed twice; any other sees all log-probs first, and the chunks' logits are
/// computed again for their gradients.
/// </summary>
/// <remarks>
/// z = h E^T / T, capped or not. dz = dlp onehot(y) - p (dlp + dH (log p + H)); dE^T = sum over chunks h^T dz; dh = dz E.
/// </remarks>
internal sealed class ChunkedHead
{
    private readonly OpBuilder op;
    private readonly DecoderSpec spec;
    private readonly Value weight;
    private readonly Value inverseTemperature;
    private readonly int chunks;
    private readonly bool learns;
    private readonly bool ordered;
    private readonly Value[] hidden;
    private readonly Value[] targets;
    private readonly List<Value> hiddenGradients = [];
    private Value? weightGradient;
    private bool sharesSum;
    private Value? lastEntropy;

    /// <param name="op">Receives the nodes.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="last">Input of the head [R, D].</param>
    /// <param name="targets">Token ids [R].</param>
    /// <param name="inverseTemperature">Scalar.</param>
    /// <param name="memory">Chunks, and whether they have to wait for each other.</param>
    /// <param name="learns">Whether the head's weight receives a gradient.</param>
    public ChunkedHead(
        OpBuilder op,
        DecoderSpec spec,
        Value last,
        Value targets,
        Value inverseTemperature,
        GraphMemory memory,
        bool learns = false)
    {
        (this.op, this.spec, this.inverseTemperature, this.learns) = (op, spec, inverseTemperature, learns);
        (chunks, ordered) = (memory.HeadChunks, memory != GraphMemory.Plain);
        weight = DecoderBlocks.HeadWeight(op, spec);
        hidden = op.SplitEvenly(last, 0, chunks);
        this.targets = op.SplitEvenly(targets, 0, chunks);
    }

    /// <summary>log p of the targets and entropies, [R] each.</summary>
    public (Value LogProbs, Value Entropy) Scores()
    {
        var parts = new List<Part>();
        for (var c = 0; c < chunks; c++)
            parts.Add(Forward(c, ordered && c > 0 ? op.After(op.After(hidden[c], parts[^1].Chosen), parts[^1].Entropy) : hidden[c]));
        return (Joined([.. parts.Select(p => p.Chosen)]), Joined([.. parts.Select(p => p.Entropy)]));
    }

    /// <summary>The loss with its gradients: of the head's weight [V, D] (null unless it learns) and of its input [R, D].</summary>
    /// <param name="objective">Writes the loss.</param>
    /// <param name="seed">Gradient of the loss; null is 1.</param>
    /// <param name="begun">What the weight's gradient is added to [V, D]; null is nothing. Of our operators alone.</param>
    /// <param name="inTurn">Whether it is added in turn, see <see cref="GraphMemory.SharedSums"/>; with one chunk alone.</param>
    public Result Loss(Func<OpBuilder, Value, Value, Value> objective, Value? seed, Value? begun = null, bool inTurn = false)
    {
        (weightGradient, sharesSum) = (begun, inTurn);
        var (loss, logProbs, entropy) = RowObjective.Of(objective, op.Graph.Opset) is { } rows
            ? ByChunk(rows, seed)
            : AllFirst(objective, seed);
        // The last chunk's logits, too, are gone before the layers' backward pass begins.
        return new(
            loss,
            logProbs,
            entropy,
            AfterChunks(Joined([.. hiddenGradients])),
            weightGradient is null || op.Fuses ? weightGradient : op.Transpose(weightGradient, 1, 0));
    }

    /// <summary>What <see cref="Loss"/> gives.</summary>
    public sealed record Result(Value Loss, Value LogProbs, Value Entropy, Value HiddenGradient, Value? WeightGradient);

    private (Value Loss, Value LogProbs, Value Entropy) ByChunk(RowObjective objective, Value? seed)
    {
        var inputs = objective.Declare(op.Graph).Select(i => op.SplitEvenly(i, 0, chunks)).ToArray();
        var (losses, logProbs, entropies) = (new List<Value>(), new List<Value>(), new List<Value>());
        for (var c = 0; c < chunks; c++)
        {
            var part = Forward(c, AfterChunks(hidden[c]));
            var loss = objective.Write(op, part.Chosen, part.Entropy, [.. inputs.Select(i => i[c])]);
            var gradients = Differentiator.Backward(op, loss, seed, [part.Chosen, part.Entropy]);
            Backward(c, part, gradients[part.Chosen], DependsOn(loss, part.Entropy) ? gradients[part.Entropy] : null);
            lastEntropy = part.Entropy;
            losses.Add(loss);
            logProbs.Add(part.Chosen);
            entropies.Add(part.Entropy);
        }
        return (losses.Aggregate(op.Add), Joined([.. logProbs]), Joined([.. entropies]));
    }

    private (Value Loss, Value LogProbs, Value Entropy) AllFirst(Func<OpBuilder, Value, Value, Value> objective, Value? seed)
    {
        var (logProbs, entropy) = Scores();
        var loss = objective(op, logProbs, entropy);
        var gradients = Differentiator.Backward(op, loss, seed, [logProbs, entropy]);
        var ofLogProbs = op.SplitEvenly(gradients[logProbs], 0, chunks);
        var ofEntropy = DependsOn(loss, entropy) ? op.SplitEvenly(gradients[entropy], 0, chunks) : null;
        for (var c = 0; c < chunks; c++)
        {
            // The second time the logits are computed when the loss is known, not before.
            var h = ordered && c == 0 ? op.After(hidden[c], gradients[logProbs]) : AfterChunks(hidden[c]);
            Backward(c, Forward(c, h), ofLogProbs[c], ofEntropy?[c]);
        }
        return (loss, logProbs, entropy);
    }

    // One chunk ends, with all its gradients and with its entropies, which nothing else waits for, before the next begins.
    private Value AfterChunks(Value x)
    {
        if (!ordered || hiddenGradients.Count == 0)
            return x;
        x = op.After(x, hiddenGradients[^1]);
        if (lastEntropy is not null)
            x = op.After(x, lastEntropy);
        return weightGradient is null ? x : op.After(x, weightGradient);
    }

    // Without a cap it is the rows, not the logits, that are divided by the temperature: they are fewer.
    private Part Forward(int c, Value h)
    {
        Value? cap = null;
        if (spec.LogitSoftcap is { } limit)
            cap = op.Tanh(op.Mul(op.Gemm(h, weight, transposeB: true), op.Scalar(1 / limit)));
        else
            h = op.Mul(h, inverseTemperature);
        var logits = cap is null
            ? op.Gemm(h, weight, transposeB: true)
            : op.Mul(cap, op.Mul(inverseTemperature, op.Scalar(spec.LogitSoftcap!.Value)));
        if (op.Fuses)
        {
            var (logProb, entropy, logSum) = op.TokenScores(logits, targets[c]);
            return new(h, cap, logits, logSum, logProb, entropy);
        }
        var all = op.LogSoftmax(logits);
        var shares = op.Exp(all);
        var chosen = op.Squeeze(op.GatherElements(all, op.Unsqueeze(targets[c], 1), 1), 1);
        return new(h, cap, all, shares, chosen, op.Neg(op.ReduceSum(op.Mul(shares, all), keepDims: false, 1)));
    }

    private void Backward(int c, Part part, Value ofLogProb, Value? ofEntropy)
    {
        var dz = op.Fuses
            ? op.TokenScoresGrad(part.Logits, targets[c], part.Normaliser, part.Entropy, ofLogProb, ofEntropy)
            : LogitsGradient(c, part, ofLogProb, ofEntropy);
        if (part.Cap is { } cap)
            dz = op.Mul(op.Mul(dz, op.Sub(op.Scalar(1), op.Mul(cap, cap))), inverseTemperature);
        var dh = op.Gemm(dz, weight);
        hiddenGradients.Add(part.Cap is null ? op.Mul(dh, inverseTemperature) : dh);
        if (sharesSum)
            weightGradient = op.AddedInTurn(
                weightGradient!,
                op.Product(dz, part.Hidden, transposeA: true).Producer!,
                DecoderGraph.SumName(DecoderGraph.HeadWeightName(spec)));
        else if (learns && op.Fuses)
            weightGradient = op.Product(dz, part.Hidden, weightGradient, transposeA: true);
        else if (learns)
            // As h^T dz [D, V], transposed once at the end: dz^T h would read V columns of dz with a stride, at half the rate.
            weightGradient = op.Gemm(op.Transpose(part.Hidden, 1, 0), dz, weightGradient);
    }

    private Value LogitsGradient(int c, Part part, Value ofLogProb, Value? ofEntropy)
    {
        var back = op.Unsqueeze(ofLogProb, 1);
        var pull = ofEntropy is null
            ? op.Neg(back)
            : op.Neg(op.Add(back, op.Mul(op.Unsqueeze(ofEntropy, 1), op.Add(part.Logits, op.Unsqueeze(part.Entropy, 1)))));
        return op.Op(
            "ScatterElements",
            [op.Mul(part.Normaliser, pull), op.Unsqueeze(targets[c], 1), back],
            ("axis", 1L),
            ("reduction", "add"));
    }

    private Value Joined(Value[] parts) => parts.Length == 1 ? parts[0] : op.Concat(0, parts);

    // Whether a gradient flows from the loss to a value.
    private static bool DependsOn(Value loss, Value value)
    {
        var (seen, open) = (new HashSet<Value>(ReferenceEqualityComparer.Instance), new Stack<Value>([loss]));
        while (open.TryPop(out var next))
        {
            if (ReferenceEquals(next, value))
                return true;
            if (next.Producer is { IsDetached: false } node && seen.Add(next))
                foreach (var input in node.Inputs)
                    if (input is not null)
                        open.Push(input);
        }
        return false;
    }

    // Logits: log-probs, and Normaliser: probabilities, both [R, V]; of our own operator logits as they are, and their log sums [R].
    private sealed record Part(Value Hidden, Value? Cap, Value Logits, Value Normaliser, Value Chosen, Value Entropy);
}
