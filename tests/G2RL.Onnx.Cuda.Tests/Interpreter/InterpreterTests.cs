using System.Text;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>What the interpreter must refuse, and the values of single instructions, on small kernels written for it.</summary>
[TestClass]
public sealed class InterpreterTests
{
    private const string SharedWord = ".shared .align 4 .b8 word[256];\n";

    [TestMethod]
    [DataRow("add.rn.f32 %f1, 0f3F800000, 0f40000000; mov.b32 %r1, %f1;", 0x40400000u)]
    [DataRow("mul.hi.u32 %r1, 0xFFFFFFFF, 3;", 2u)]
    [DataRow("bfe.u32 %r1, 0xABCD1234, 8, 12;", 0xD12u)]
    [DataRow("shr.s32 %r1, -8, 40;", 0xFFFFFFFFu)]
    [DataRow("shl.b32 %r1, 1, 32;", 0u)]
    [DataRow("max.f32 %f1, 0f7FC00000, 0fC0000000; mov.b32 %r1, %f1;", 0xC0000000u)]
    [DataRow("setp.ltu.f32 %p1, 0f7FC00000, 0f00000000; selp.b32 %r1, 7, 9, %p1;", 7u)]
    [DataRow("setp.ne.f32 %p1, 0f7FC00000, 0f00000000; selp.b32 %r1, 7, 9, %p1;", 9u)]
    [DataRow("cvt.rzi.s32.f32 %r1, 0f4F800000;", 0x7FFFFFFFu)]
    [DataRow("cvt.rzi.u64.f32 %rd1, 0fC0000000; cvt.u32.u64 %r1, %rd1;", 0u)]
    [DataRow("mov.b64 %rd1, {1, 2}; mov.b64 {%r2, %r1}, %rd1;", 2u)]
    [DataRow("clz.b32 %r1, 0x00010000;", 15u)]
    [DataRow("popc.b32 %r1, 0xF0F0;", 8u)]
    [DataRow("mad.lo.s32 %r1, -2, 3, 10;", 4u)]
    [DataRow("div.s32 %r1, -7, 2;", 0xFFFFFFFDu)]
    [DataRow("mov.u32 %r1, 5; setp.eq.s32 %p1, %r1, 6; @!%p1 mov.u32 %r1, 8; @%p1 mov.u32 %r1, 9;", 8u)]
    public void Instruction_OnConstants_GivesTheValueOfTheIsa(string body, uint expected) =>
        Assert.AreEqual(expected, Run(body + " st.global.u32 [%rd0], %r1;", 1)[0]);

    [TestMethod]
    [DataRow("bfly", "1", 31, 2u, 1u)]
    [DataRow("up", "1", 0, 2u, 0u)]
    [DataRow("down", "2", 31, 5u, 2u)]
    [DataRow("idx", "9", 31, 9u, 9u)]
    public void Shuffle_LanesThreeAndZero_ReadTheLaneOfTheIsa(string mode, string operand, int clamp, uint third, uint zeroth)
    {
        var results = Run($"mov.u32 %r1, %tid.x; shfl.sync.{mode}.b32 %r2, %r1, {operand}, {clamp}, -1; {StoreAtThread("%r2")}", 32);
        Assert.AreEqual((third, zeroth), (results[3], results[0]));
        Assert.AreEqual(mode == "down" ? 31u : results[31], results[31], "a lane without a source keeps its own");
    }

    [TestMethod]
    [DataRow("frobnicate.f32 %f1, 0f3F800000;", "frobnicate")]
    [DataRow("ld.global.nc.u32 %r1, [%rd0];", ".nc")]
    [DataRow("atom.global.max.u32 %r1, [%rd0], 3;", ".max")]
    [DataRow("bar.sync 1;", "bar.sync")]
    [DataRow("bra NOWHERE;", "NOWHERE")]
    public void Load_InstructionNotKnown_IsRejectedWithItsText(string body, string quoted)
    {
        var e = Assert.ThrowsExactly<CudaException>(() => Run(body, 1));
        StringAssert.Contains(e.Message, quoted);
    }

    [TestMethod]
    [DataRow("add.s32 %r1, %r2, 1;", 1, "before anything is written")]
    [DataRow("ld.global.u32 %r1, [%rd0+2];", 1, "not aligned")]
    [DataRow("ld.global.u32 %r1, [%rd0+1024];", 1, "no block of device memory")]
    [DataRow("st.global.u32 [%rd0+-4], 1;", 1, "no block of device memory")]
    [DataRow("mov.u64 %rd1, 0; ld.global.u32 %r1, [%rd1];", 1, "no block of device memory")]
    [DataRow("ld.global.u32 %r1, [%rd0+4];", 1, "nothing has written")]
    [DataRow("ld.shared.u32 %r1, [word];", 1, "has not written")]
    [DataRow("st.shared.u32 [word+256], 1;", 1, "outside")]
    [DataRow("st.shared.u32 [word], 1;", 2, "race")]
    [DataRow(
        "mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 0; @%p1 st.shared.u32 [word], 1; ld.shared.u32 %r2, [word];",
        64,
        "race|has not written")]
    [DataRow("mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 63; @%p1 st.shared.u32 [word], 1; bar.sync 0; ld.shared.u32 %r2, [word]; "
        + "@!%p1 ret; st.shared.u32 [word], 2;", 64, "race")]
    [DataRow("mov.u32 %r1, %tid.x; setp.lt.s32 %p1, %r1, 32; @%p1 bra END; bar.sync 0; END: ret;", 64, "never reach")]
    [DataRow(
        "mov.u32 %r1, %tid.x; setp.lt.s32 %p1, %r1, 32; @%p1 bra OTHER; bar.sync 0; ret; OTHER: bar.sync 0; ret;",
        64,
        "another barrier")]
    [DataRow("mov.u32 %r1, %tid.x; setp.lt.s32 %p1, %r1, 5; @%p1 ret; shfl.sync.idx.b32 %r2, %r1, 9, 31, -1;", 32, "lanes of its warp")]
    [DataRow("mov.u32 %r1, %tid.x; st.global.u32 [%rd0], %r1;", 2, "race")]
    [DataRow(
        "mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 40; @%p1 st.global.u32 [%rd0], 1; ld.global.u32 %r2, [%rd0];",
        64,
        "race|nothing has written")]
    [DataRow("LOOP: bra LOOP;", 1, "does not end")]
    [DataRow("mov.u32 %r1, 0; div.u32 %r2, 5, %r1;", 1, "divides by zero")]
    public void Kernel_ThatIsWrong_IsAnErrorInEveryOrder(string body, int threads, string expected)
    {
        foreach (var order in Enum.GetValues<ThreadOrder>())
        {
            var e = Assert.ThrowsExactly<CudaException>(() => Run(body, threads, order));
            Assert.IsTrue(expected.Split('|').Any(e.Message.Contains), e.Message);
            StringAssert.Contains(e.Message, "kernel, block (0, 0, 0), thread");
        }
    }

    [TestMethod]
    [DataRow("bar.warp.sync -1;", 32)]
    [DataRow("bar.sync 0;", 256)]
    public void Shared_BehindABarrier_IsNoRace(string barrier, int threads)
    {
        var results = Run("mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 1; @%p1 st.shared.u32 [word+4], 77; "
            + $"{barrier} ld.shared.u32 %r2, [word+4]; {StoreAtThread("%r2")}", threads);
        Assert.IsTrue(results.Take(threads).All(x => x == 77));
    }

    [TestMethod]
    public void Global_WrittenReadAndAddedToBehindBarriers_IsNoRace()
    {
        var results = Run("mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 7; @%p1 st.global.u32 [%rd0], 5; bar.sync 0; "
            + "ld.global.u32 %r2, [%rd0]; bar.sync 0; atom.global.add.u32 %r3, [%rd0], %r2;", 64);
        Assert.AreEqual(5u + (64 * 5), results[0]);
    }

    [TestMethod]
    public void Global_BlocksThatTouchTheSameWord_Race()
    {
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => Run("mov.u32 %r1, %ctaid.x; st.global.u32 [%rd0], %r1;", 1, blocks: 2)).Message,
            "another block wrote");
        Run("mov.u32 %r1, %ctaid.x; setp.eq.s32 %p1, %r1, 0; @%p1 st.global.u32 [%rd0], %r1;", 1, blocks: 2);
    }

    [TestMethod]
    public void Shared_BehindABarrierOfAWarp_IsARaceForTheNext()
    {
        var e = Assert.ThrowsExactly<CudaException>(() => Run(
            "mov.u32 %r1, %tid.x; setp.eq.s32 %p1, %r1, 1; @%p1 st.shared.u32 [word+4], 77; bar.warp.sync -1; ld.shared.u32 %r2, [word+4];",
            64));
        StringAssert.Contains(e.Message, "race");
    }

    [TestMethod]
    public void Approximate_Noise_MovesResultsWithinTheDocumentedError()
    {
        const string Body = "ex2.approx.f32 %f1, 0fBFB504F3; mov.b32 %r1, %f1; st.global.u32 [%rd0], %r1;";
        var exact = Math.Pow(2, BitConverter.UInt32BitsToSingle(0xBFB504F3));
        var values = Enumerable.Range(1, 40)
            .Select(seed => BitConverter.UInt32BitsToSingle(Run(Body, 1, noise: 1, seed: (ulong)seed)[0]))
            .ToArray();
        Assert.IsGreaterThan(2, values.Distinct().Count());
        Assert.IsLessThan(2.5 * Math.Pow(2, -23), values.Max(v => Math.Abs((v / exact) - 1)));
    }

    [TestMethod]
    public void Launch_ArgumentOfTheWrongWidth_IsRefused()
    {
        using var driver = new InterpreterDriver();
        var kernel = driver.Kernel(driver.LoadModule("test", Encoding.UTF8.GetBytes(Module("ret;"))), "kernel");
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => driver.Launch(kernel, (1, 1, 1), (1, 1, 1), 0, [1])).Message,
            "4 bytes; the kernel reads 8");
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => driver.Launch(kernel, (1, 1, 1), (1, 1, 1), 0, [1L, 2L])).Message,
            "1 arguments, not 2");
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => driver.Launch(kernel, (1, 70000, 1), (1, 1, 1), 0, [1L])).Message,
            "65535");
        StringAssert.Contains(
            Assert.ThrowsExactly<CudaException>(() => driver.Launch(kernel, (1, 1, 1), (512, 1, 1), 0, [1L])).Message,
            "1 to 256");
    }

    [TestMethod]
    public void Driver_Memory_IsBoundedAndChecked()
    {
        using var driver = new InterpreterDriver(memoryBytes: 1000);
        var pointer = driver.Allocate(900);
        Assert.AreEqual(0, pointer % 256);
        Assert.AreEqual((100L, 1000L), driver.MemoryInfo());
        Assert.ThrowsExactly<CudaMemoryException>(() => driver.Allocate(101));
        Assert.ThrowsExactly<CudaException>(() => driver.CopyToDevice(pointer + 896, new byte[5]));
        driver.Free(pointer);
        Assert.ThrowsExactly<CudaException>(() => driver.Free(pointer));
    }

    private static string StoreAtThread(string register) =>
        $"mov.u32 %r9, %tid.x; mul.wide.u32 %rd2, %r9, 4; add.s64 %rd3, %rd0, %rd2; st.global.u32 [%rd3], {register};";

    private static string Module(string body) => $$"""
        .version 6.3
        .target sm_75
        .address_size 64
        .visible .entry kernel(
        .param .u64 kernel_param_0
        )
        .maxntid 256, 1, 1
        {
        .reg .pred %p<4>;
        .reg .b32 %r<10>;
        .reg .f32 %f<4>;
        .reg .b64 %rd<6>;
        {{SharedWord}}
        ld.param.u64 %rd0, [kernel_param_0];
        {{body}}
        ret;
        }
        """;

    private static uint[] Run(
        string body,
        int threads,
        ThreadOrder order = ThreadOrder.Forward,
        double noise = 0,
        ulong seed = 1,
        int blocks = 1)
    {
        using var driver =
            new InterpreterDriver(new() { Order = order, Noise = noise, Seed = seed, Strict = true, MaxInstructions = 100_000 });
        var kernel = driver.Kernel(driver.LoadModule("test", Encoding.UTF8.GetBytes(Module(body))), "kernel");
        var memory = driver.Allocate(1024);
        driver.Launch(kernel, (blocks, 1, 1), (threads, 1, 1), 0, [memory]);
        var results = new uint[256];
        driver.CopyToHost(System.Runtime.InteropServices.MemoryMarshal.AsBytes(results.AsSpan()), memory);
        return results;
    }
}
