using System.Runtime.InteropServices;
using System.Security.Cryptography;
using G2RL.Onnx.Checkpoints;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Models.Rotary;

namespace G2RL.Onnx.Execution;

/// <summary>A language model's weights, once, and what every session needs to read them: the architecture and the rotary tables.</summary>
public sealed class Policy : IDisposable
{
    private readonly List<Parameter> tables = [];
    private readonly string origin;

    private Policy(DecoderSpec spec, int positions, Action<ParameterSpec, Span<float>> fill)
    {
        Spec = spec;
        Positions = positions;
        Parameters = [.. spec.Parameters.Select(p => new Parameter(p.Name, p.Shape))];
        foreach (var (parameter, described) in Parameters.Zip(spec.Parameters))
            fill(described, parameter.Buffer.Span);
        foreach (var table in RotaryTable.Of(spec))
        {
            var (cos, sin) = (new Parameter(table.Cos, positions, table.Width / 2), new Parameter(table.Sin, positions, table.Width / 2));
            tables.AddRange([cos, sin]);
            new RotaryEmbedding(table.Rope, table.Width).Fill(cos.Buffer.Span, sin.Buffer.Span, positions);
        }
        origin = Hash()[..16];
    }

    /// <summary>The architecture.</summary>
    public DecoderSpec Spec { get; }

    /// <summary>The longest sequence that may be run, tokens.</summary>
    public int Positions { get; }

    /// <summary>The weights, in the order of <see cref="DecoderSpec.Parameters"/>.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>The rotary tables that sessions read beside the weights.</summary>
    internal IReadOnlyList<Parameter> Tables => tables;

    /// <summary>Optimizer steps applied; the trainer advances it.</summary>
    public long Updates { get; set; }

    /// <summary>Goes with every rollout drawn from these weights.</summary>
    public PolicyVersion Version => new(Updates, origin);

    /// <summary>Numbers in all weights.</summary>
    public long ParameterCount => Parameters.Sum(p => p.Buffer.Length);

    /// <summary>Reads a Hugging Face folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="positions">The longest sequence to be run, tokens; at most what the model allows.</param>
    /// <exception cref="InputException">A missing, broken or unsupported checkpoint, or more positions than the model has.</exception>
    public static Policy Load(string folder, int positions)
    {
        using var checkpoint = HuggingFaceCheckpoint.Open(folder);
        return positions <= checkpoint.Spec.MaxPositions
            ? new(checkpoint.Spec, positions, checkpoint.ReadParameter)
            : throw new InputException($"{folder}: sequences of {positions} tokens are asked for; max_position_embeddings is {checkpoint.Spec.MaxPositions}. Shorten the prompt or sampling.maxNewTokens.");
    }

    /// <summary>A model with weights of one's own making.</summary>
    public static Policy Create(DecoderSpec spec, int positions, Action<ParameterSpec, Span<float>> fill) => new(spec, positions, fill);

    /// <summary>A copy that will not follow: the reference policy.</summary>
    public Policy Freeze()
    {
        var from = Parameters.ToDictionary(p => p.Name, StringComparer.Ordinal);
        return new(Spec, Positions, (p, span) => from[p.Name].Buffer.Span.CopyTo(span)) { Updates = Updates };
    }

    /// <summary>Binds every weight and table that the session reads.</summary>
    public void BindTo(SessionBinding binding)
    {
        foreach (var parameter in Parameters)
            binding.InputIfUsed(parameter.Name, parameter.Value);
        foreach (var table in tables)
            binding.InputIfUsed(table.Name, table.Value);
    }

    /// <summary>SHA-256 of all weights in order, hexadecimal.</summary>
    public string Hash()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var parameter in Parameters)
            hash.AppendData(MemoryMarshal.AsBytes(parameter.Buffer.Span));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var parameter in Parameters)
            parameter.Dispose();
        foreach (var table in tables)
            table.Dispose();
    }
}
