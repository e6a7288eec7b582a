using System.Reflection;
using G2RL.Onnx.Algorithms;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Memory;
using G2RL.Onnx.Execution.Planning;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Execution.Sessions;
using G2RL.Onnx.Models;
using G2RL.Onnx.Tests.Kernels;
using G2RL.Onnx.Training.Optimizers;

namespace G2RL.Onnx.Tests;

/// <summary>The memory of sessions' tensors; other sessions would show in its figures.</summary>
[TestClass]
[DoNotParallelize]
public sealed class TensorMemoryTests
{
    private static DecoderSpec Spec(string more = "") => Architectures.Parse(
        $$"""
        {"architectures": ["Qwen3ForCausalLM"], "vocab_size": 4096, "hidden_size": 192, "intermediate_size": 512,
         "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 48,
         "max_position_embeddings": 512, "tie_word_embeddings": true, "eos_token_id": 1 {{more}}}
        """,
        "config.json");

    [TestMethod]
    public void NativeAllocator_HasTheMembersOfTheHeaderThatThePackageShips() => CollectionAssert.AreEqual(
        OrtHeader.Members("typedef struct OrtAllocator {"),
        typeof(NativeAllocator).GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic)
            .Take(NativeAllocator.Members)
            .Select(f => f.Name)
            .ToArray());

    // The same motions: what ONNX Runtime takes while it runs is what the plan reckoned from the graph.
    [TestMethod]
    [DataRow(KernelChoice.Fused, false, "")]
    [DataRow(KernelChoice.Fused, true, "")]
    [DataRow(KernelChoice.Standard, false, "")]
    [DataRow(KernelChoice.Standard, true, "")]
    [DataRow(KernelChoice.Fused, false, "bf16")]
    [DataRow(KernelChoice.Fused, false, "int8")]
    [DataRow(KernelChoice.Standard, false, "bf16")]
    [DataRow(KernelChoice.Standard, true, "bf16")]
    [DataRow(KernelChoice.Standard, true, "int8")]
    public void TrainGraph_TakesWhatThePlanSays(KernelChoice kernels, bool recompute, string stored)
    {
        if (!TensorMemory.IsUsed)
            Assert.Inconclusive("needs pages that can be given back");
        const int Rows = 6, Length = 160, Prompt = 40;
        var spec = stored.Length == 0
            ? Spec()
            : Spec() with
            {
                Adapter = new() { Rank = 4, Alpha = 8, Targets = ["all-linear"] },
                Storage = stored == "bf16" ? WeightStorage.BFloat16 : WeightStorage.Int8,
            };
        using var policy = Policy.Create(spec, Length, (p, w) => w.Fill(p.Shape.Length == 1 ? 1 : 0.01f));
        var memory = MemoryChoice.Training(spec, Rows * Length, Length, recompute, kernels);
        using var gradients = new GradientAccumulator(policy, PolicyLoss.Objective(new()), 1, threads: 1, memory);
        var batch = new SequenceBatch([.. Enumerable.Range(0, Rows)
            .Select(_ => new Sequence(new int[Prompt], new int[Length - Prompt + 1]))]);
        TensorMemory.Mark();
        gradients.Add(new Microbatch(batch));
        var (inUse, _, highest) = TensorMemory.Use;
        Assert.AreEqual(0, inUse);
        var planned = MemoryEstimate.Training(spec, memory, new(Rows, Length, Length - Prompt + 1, Count: 1), Length, new(1, 1)).Tensors;
        Assert.AreEqual(1, planned / (double)highest, 0.1);
    }

    [TestMethod]
    public unsafe void Buffer_Released_IsZeroAndAtItsPlace()
    {
        using var buffer = new FloatBuffer(1 << 20);
        buffer.Span.Fill(3);
        var place = buffer.Pointer;
        buffer.Release();
        Assert.AreEqual(place, buffer.Pointer);
        if (Pages.CanRelease)
            Assert.IsFalse(buffer.Span.ContainsAnyExcept(0f));
    }
}
