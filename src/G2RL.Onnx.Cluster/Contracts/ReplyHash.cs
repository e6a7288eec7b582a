using System.IO.Hashing;
using System.Runtime.InteropServices;
using System.Text;

namespace G2RL.Onnx.Cluster.Contracts;

/// <summary>Hashes of results, made where they are computed and looked at where they arrive.</summary>
internal static class ReplyHash
{
    public static string Of(RolloutWire[][] groups, float largestLogit)
    {
        var hash = new XxHash128();
        hash.Append(MemoryMarshal.AsBytes([largestLogit]));
        foreach (var group in groups)
        {
            Add(hash, [group.Length]);
            foreach (var r in group)
            {
                Add(hash, [r.Tokens.Length, r.Finish, r.Text.Length]);
                Add(hash, r.Tokens);
                Add(hash, r.LogProbs);
                Add(hash, r.Entropies);
                hash.Append(Encoding.Unicode.GetBytes(r.Text));
                Add(hash, r.Feature ?? []);
            }
        }
        return Text(hash);
    }

    public static string Of(ScoreWire[] scores)
    {
        var hash = new XxHash128();
        foreach (var s in scores)
        {
            Add(hash, [s.LogProbs.Length]);
            Add(hash, s.LogProbs);
            Add(hash, s.Entropies);
            Add(hash, s.Feature ?? []);
            Add(hash, s.MeanHidden ?? []);
        }
        return Text(hash);
    }

    public static string Of(GradientReply reply, IReadOnlyList<byte[]> sum)
    {
        var hash = new XxHash128();
        hash.Append(MemoryMarshal.AsBytes([reply.Loss]));
        foreach (var values in reply.LogProbs.Concat(reply.Entropies))
        {
            Add(hash, [values.Length]);
            Add(hash, values);
        }
        foreach (var part in sum)
            hash.Append(part);
        return Text(hash);
    }

    private static void Add(XxHash128 hash, ReadOnlySpan<int> values) => hash.Append(MemoryMarshal.AsBytes(values));

    private static void Add(XxHash128 hash, float[] values) => hash.Append(MemoryMarshal.AsBytes(values.AsSpan()));

    private static string Text(XxHash128 hash) => Convert.ToHexStringLower(hash.GetHashAndReset());
}
