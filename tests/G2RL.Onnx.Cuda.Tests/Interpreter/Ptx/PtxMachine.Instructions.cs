using System.Numerics;
using System.Runtime.CompilerServices;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

// One thread, instruction by instruction: a single loop, since a call for each would take most of the time.
internal sealed unsafe partial class PtxMachine
{
    // Runs one thread until it ends or waits.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Run(int thread)
    {
        var r = lanes[thread].Registers;
        var pc = lanes[thread].Pc;
        var left = budget;
        try
        {
            while (true)
            {
                var i = code + pc++;
                if (--left < 0)
                    throw new PtxException($"does not end within {settings.MaxInstructions} instructions of the launch");
                if (i->Guard >= 0)
                {
                    var guard = r[i->Guard];
                    if (guard == PtxKernel.Undefined)
                        throw Undefined();
                    if (guard != 0 == i->SkipOn)
                        continue;
                }
                var (a, b, c) = (r[i->A], r[i->B], r[i->C]);
                if ((a == PtxKernel.Undefined || b == PtxKernel.Undefined || c == PtxKernel.Undefined) && UsesUndefined(i, a, b, c))
                    throw Undefined();
                ulong d;
                switch (i->Op)
                {
                    case PtxOp.Branch:
                        pc = i->Offset;
                        continue;
                    case PtxOp.Return:
                        EndThread(thread);
                        (lanes[thread].Pc, lanes[thread].State) = (pc - 1, LaneState.Done);
                        budget = left;
                        return;
                    case PtxOp.BarrierBlock:
                        (lanes[thread].Pc, lanes[thread].State) = (pc - 1, LaneState.AtBlockBarrier);
                        budget = left;
                        return;
                    case PtxOp.BarrierWarp or PtxOp.ShuffleXor or PtxOp.ShuffleUp or PtxOp.ShuffleDown or PtxOp.ShuffleIndex
                        or PtxOp.Ballot or PtxOp.MultiplyTiles or PtxOp.LoadMatrices or PtxOp.LoadTransposed:
                        (lanes[thread].Pc, lanes[thread].State) = (pc - 1, LaneState.AtWarp);
                        budget = left;
                        return;
                    case PtxOp.BeginCopy:
                        BeginCopy(i, a, b, (uint)c, thread);
                        continue;
                    case PtxOp.EndCopies:
                        EndCopies(thread);
                        continue;
                    case PtxOp.WaitForCopies:
                        WaitForCopies(i->Offset, thread);
                        continue;
                    case PtxOp.LoadParameter:
                        d = i->Size == 8
                            ? BitConverter.ToUInt64(parameters, i->Offset)
                            : i->Size == 4 ? BitConverter.ToUInt32(parameters, i->Offset)
                            : BitConverter.ToUInt16(parameters, i->Offset);
                        break;
                    case PtxOp.Load:
                        {
                            var p = Access(i, a + (ulong)i->Offset, false, thread);
                            if (i->Count == 1 && i->Size == 4)
                            {
                                d = i->Signed ? (ulong)*(int*)p : *(uint*)p;
                                d = (uint)d;
                                break;
                            }
                            LoadVector(i, p, r);
                            continue;
                        }
                    case PtxOp.Store:
                        {
                            var p = Access(i, a + (ulong)i->Offset, true, thread);
                            d = r[i->D];
                            if (d == PtxKernel.Undefined)
                                throw Undefined();
                            if (i->Count == 1 && i->Size == 4)
                                *(uint*)p = (uint)d;
                            else
                                StoreVector(i, p, r);
                            continue;
                        }
                    case PtxOp.AtomicAddInteger or PtxOp.AtomicAddFloat or PtxOp.AtomicMinUnsigned:
                        d = AtomicAccess(i, a + (ulong)i->Offset, b, thread);
                        break;
                    case PtxOp.AddWindow:
                        d = a + SharedMemory.Window;
                        break;
                    case PtxOp.RemoveWindow:
                        d = a - SharedMemory.Window;
                        break;
                    case PtxOp.Split32:
                        r[i->B] = (ushort)(a >> 16);
                        d = (ushort)a;
                        break;
                    case PtxOp.Split64:
                        r[i->B] = a >> 32;
                        d = (uint)a;
                        break;
                    case PtxOp.Join32:
                        d = (ushort)a | (uint)((ushort)b << 16);
                        break;
                    case PtxOp.Join64:
                        d = (uint)a | b << 32;
                        break;
                    case PtxOp.Move32:
                        Moves++;
                        d = a == PtxKernel.Undefined ? a : (uint)a;
                        break;
                    case PtxOp.Move64:
                        Moves++;
                        d = a;
                        break;
                    case PtxOp.Add32:
                        d = (uint)(a + b);
                        break;
                    case PtxOp.Sub32:
                        d = (uint)(a - b);
                        break;
                    case PtxOp.Mul32:
                        d = (uint)(a * b);
                        break;
                    case PtxOp.Mad32:
                        d = (uint)((a * b) + c);
                        break;
                    case PtxOp.DivS32:
                        d = (uint)Divide((int)a, (int)b);
                        break;
                    case PtxOp.DivU32:
                        d = (uint)a / NotZero((uint)b);
                        break;
                    case PtxOp.RemS32:
                        d = (uint)Remainder((int)a, (int)b);
                        break;
                    case PtxOp.RemU32:
                        d = (uint)a % NotZero((uint)b);
                        break;
                    case PtxOp.MinS32:
                        d = (uint)Math.Min((int)a, (int)b);
                        break;
                    case PtxOp.MinU32:
                        d = Math.Min((uint)a, (uint)b);
                        break;
                    case PtxOp.MaxS32:
                        d = (uint)Math.Max((int)a, (int)b);
                        break;
                    case PtxOp.MaxU32:
                        d = Math.Max((uint)a, (uint)b);
                        break;
                    case PtxOp.Neg32:
                        d = (uint)-(int)a;
                        break;
                    case PtxOp.Abs32:
                        d = (uint)((int)a < 0 ? -(int)a : (int)a);
                        break;
                    case PtxOp.Not32:
                        d = (uint)~a;
                        break;
                    case PtxOp.Shl32:
                        d = (uint)b >= 32 ? 0 : (uint)a << (int)b;
                        break;
                    case PtxOp.ShrU32:
                        d = (uint)b >= 32 ? 0 : (uint)a >> (int)b;
                        break;
                    case PtxOp.ShrS32:
                        d = (uint)((int)a >> (int)Math.Min((uint)b, 31));
                        break;
                    case PtxOp.Select32:
                        d = c != 0 ? a : b;
                        d = d == PtxKernel.Undefined ? d : (uint)d;
                        break;
                    case PtxOp.Clz32:
                        d = (uint)BitOperations.LeadingZeroCount((uint)a);
                        break;
                    case PtxOp.Popc32:
                        d = (uint)BitOperations.PopCount((uint)a);
                        break;
                    case PtxOp.Add64:
                        d = a + b;
                        break;
                    case PtxOp.Sub64:
                        d = a - b;
                        break;
                    case PtxOp.Mul64:
                        d = a * b;
                        break;
                    case PtxOp.Mad64:
                        d = (a * b) + c;
                        break;
                    case PtxOp.DivS64:
                        d = (ulong)Divide((long)a, (long)b);
                        break;
                    case PtxOp.DivU64:
                        d = a / NotZero(b);
                        break;
                    case PtxOp.RemS64:
                        d = (ulong)Remainder((long)a, (long)b);
                        break;
                    case PtxOp.RemU64:
                        d = a % NotZero(b);
                        break;
                    case PtxOp.MinS64:
                        d = (ulong)Math.Min((long)a, (long)b);
                        break;
                    case PtxOp.MinU64:
                        d = Math.Min(a, b);
                        break;
                    case PtxOp.MaxS64:
                        d = (ulong)Math.Max((long)a, (long)b);
                        break;
                    case PtxOp.MaxU64:
                        d = Math.Max(a, b);
                        break;
                    case PtxOp.Neg64:
                        d = (ulong)-(long)a;
                        break;
                    case PtxOp.Abs64:
                        d = (ulong)((long)a < 0 ? -(long)a : (long)a);
                        break;
                    case PtxOp.Not64:
                        d = ~a;
                        break;
                    case PtxOp.Shl64:
                        d = (uint)b >= 64 ? 0 : a << (int)b;
                        break;
                    case PtxOp.ShrU64:
                        d = (uint)b >= 64 ? 0 : a >> (int)b;
                        break;
                    case PtxOp.ShrS64:
                        d = (ulong)((long)a >> (int)Math.Min((uint)b, 63));
                        break;
                    case PtxOp.Select64:
                        d = c != 0 ? a : b;
                        break;
                    case PtxOp.Clz64:
                        d = (uint)BitOperations.LeadingZeroCount(a);
                        break;
                    case PtxOp.Popc64:
                        d = (uint)BitOperations.PopCount(a);
                        break;
                    case PtxOp.And:
                        d = a & b;
                        break;
                    case PtxOp.Or:
                        d = a | b;
                        break;
                    case PtxOp.Xor:
                        d = a ^ b;
                        break;
                    case PtxOp.NotPred:
                        d = a ^ 1;
                        break;
                    case PtxOp.Add16:
                        d = (ushort)(a + b);
                        break;
                    case PtxOp.Shl16:
                        d = (ulong)((uint)b >= 16 ? 0 : (ushort)(a << (int)b));
                        break;
                    case PtxOp.ShrU16:
                        d = (uint)b >= 16 ? 0u : (ushort)((ushort)a >> (int)b);
                        break;
                    case PtxOp.MulHiU32:
                        d = ((ulong)(uint)a * (uint)b) >> 32;
                        break;
                    case PtxOp.MulHiS32:
                        d = (uint)(((long)(int)a * (int)b) >> 32);
                        break;
                    case PtxOp.MulHiU64:
                        d = Math.BigMul(a, b, out _);
                        break;
                    case PtxOp.MulWideU32:
                        d = (ulong)(uint)a * (uint)b;
                        break;
                    case PtxOp.MulWideS32:
                        d = (ulong)((long)(int)a * (int)b);
                        break;
                    case PtxOp.MulWideU16:
                        d = (uint)(ushort)a * (ushort)b;
                        break;
                    case PtxOp.MadWideU32:
                        d = ((ulong)(uint)a * (uint)b) + c;
                        break;
                    case PtxOp.MadWideS32:
                        d = (ulong)((long)(int)a * (int)b) + c;
                        break;
                    case PtxOp.BfeU32:
                        d = ExtractBits((uint)a, (uint)b & 0xff, (uint)c & 0xff);
                        break;
                    case PtxOp.Brev32:
                        d = ReverseBits((uint)a);
                        break;
                    case PtxOp.SetEqS32:
                        d = (int)a == (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetEqS64:
                        d = (long)a == (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetNeS32:
                        d = (int)a != (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetNeS64:
                        d = (long)a != (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtS32:
                        d = (int)a < (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtU32:
                        d = (uint)a < (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtS64:
                        d = (long)a < (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLtU64:
                        d = a < b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeS32:
                        d = (int)a <= (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeU32:
                        d = (uint)a <= (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeS64:
                        d = (long)a <= (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetLeU64:
                        d = a <= b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtS32:
                        d = (int)a > (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtU32:
                        d = (uint)a > (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtS64:
                        d = (long)a > (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGtU64:
                        d = a > b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeS32:
                        d = (int)a >= (int)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeU32:
                        d = (uint)a >= (uint)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeS64:
                        d = (long)a >= (long)b ? 1u : 0u;
                        break;
                    case PtxOp.SetGeU64:
                        d = a >= b ? 1u : 0u;
                        break;
                    case PtxOp.SetEqF32:
                        d = F(a) == F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeF32:
                        d = F(a) < F(b) || F(a) > F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtF32:
                        d = F(a) < F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeF32:
                        d = F(a) <= F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtF32:
                        d = F(a) > F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeF32:
                        d = F(a) >= F(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetEquF32:
                        d = !(F(a) < F(b) || F(a) > F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeuF32:
                        d = !(F(a) == F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtuF32:
                        d = !(F(a) >= F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeuF32:
                        d = !(F(a) > F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtuF32:
                        d = !(F(a) <= F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeuF32:
                        d = !(F(a) < F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNumF32:
                        d = IsNumber(F(a)) && IsNumber(F(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNanF32:
                        d = !(IsNumber(F(a)) && IsNumber(F(b))) ? 1u : 0u;
                        break;
                    case PtxOp.AddF32:
                        d = B(F(a) + F(b));
                        break;
                    case PtxOp.SubF32:
                        d = B(F(a) - F(b));
                        break;
                    case PtxOp.MulF32:
                        d = B(F(a) * F(b));
                        break;
                    case PtxOp.FmaF32:
                        d = B(MathF.FusedMultiplyAdd(F(a), F(b), F(c)));
                        break;
                    case PtxOp.DivF32:
                        d = B(F(a) / F(b));
                        break;
                    case PtxOp.RcpF32:
                        d = B(1 / F(a));
                        break;
                    case PtxOp.SqrtF32:
                        d = B(MathF.Sqrt(F(a)));
                        break;
                    case PtxOp.MaxF32:
                        d = B(Larger(F(a), F(b)));
                        break;
                    case PtxOp.MinF32:
                        d = B(Smaller(F(a), F(b)));
                        break;
                    case PtxOp.NegF32:
                        d = a ^ 0x80000000;
                        break;
                    case PtxOp.AbsF32:
                        d = a & 0x7FFFFFFF;
                        break;
                    case PtxOp.SetEqF64:
                        d = D(a) == D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeF64:
                        d = D(a) < D(b) || D(a) > D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtF64:
                        d = D(a) < D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeF64:
                        d = D(a) <= D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtF64:
                        d = D(a) > D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeF64:
                        d = D(a) >= D(b) ? 1u : 0u;
                        break;
                    case PtxOp.SetEquF64:
                        d = !(D(a) < D(b) || D(a) > D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNeuF64:
                        d = !(D(a) == D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLtuF64:
                        d = !(D(a) >= D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetLeuF64:
                        d = !(D(a) > D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGtuF64:
                        d = !(D(a) <= D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetGeuF64:
                        d = !(D(a) < D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNumF64:
                        d = IsNumber(D(a)) && IsNumber(D(b)) ? 1u : 0u;
                        break;
                    case PtxOp.SetNanF64:
                        d = !(IsNumber(D(a)) && IsNumber(D(b))) ? 1u : 0u;
                        break;
                    case PtxOp.AddF64:
                        d = B(D(a) + D(b));
                        break;
                    case PtxOp.SubF64:
                        d = B(D(a) - D(b));
                        break;
                    case PtxOp.MulF64:
                        d = B(D(a) * D(b));
                        break;
                    case PtxOp.FmaF64:
                        d = B(Math.FusedMultiplyAdd(D(a), D(b), D(c)));
                        break;
                    case PtxOp.DivF64:
                        d = B(D(a) / D(b));
                        break;
                    case PtxOp.RcpF64:
                        d = B(1 / D(a));
                        break;
                    case PtxOp.SqrtF64:
                        d = B(Math.Sqrt(D(a)));
                        break;
                    case PtxOp.MaxF64:
                        d = B(Larger(D(a), D(b)));
                        break;
                    case PtxOp.MinF64:
                        d = B(Smaller(D(a), D(b)));
                        break;
                    case PtxOp.NegF64:
                        d = a ^ 0x8000000000000000;
                        break;
                    case PtxOp.AbsF64:
                        d = a & 0x7FFFFFFFFFFFFFFF;
                        break;
                    case PtxOp.Ex2Approx:
                        Exponentials++;
                        d = B(approximate.Exp2(F(a)));
                        break;
                    case PtxOp.Lg2Approx:
                        d = B(approximate.Log2(F(a)));
                        break;
                    case PtxOp.RcpApprox:
                        d = B(approximate.Reciprocal(F(a)));
                        break;
                    case PtxOp.SqrtApprox:
                        d = B(approximate.SquareRoot(F(a)));
                        break;
                    case PtxOp.RsqrtApprox:
                        d = B(approximate.ReciprocalSquareRoot(F(a)));
                        break;
                    case PtxOp.CvtU64U32:
                        d = (uint)a;
                        break;
                    case PtxOp.CvtS64S32:
                        d = (ulong)(int)a;
                        break;
                    case PtxOp.Cvt32From64:
                        d = (uint)a;
                        break;
                    case PtxOp.Cvt16:
                        d = (ushort)a;
                        break;
                    case PtxOp.CvtS32S16:
                        d = (uint)(short)a;
                        break;
                    case PtxOp.CvtF64F32:
                        d = B((double)F(a));
                        break;
                    case PtxOp.CvtF32F64:
                        d = B((float)D(a));
                        break;
                    case PtxOp.CvtF32F16:
                        d = B((float)BitConverter.UInt16BitsToHalf((ushort)a));
                        break;
                    case PtxOp.CvtF16F32:
                        d = BitConverter.HalfToUInt16Bits((Half)F(a));
                        break;
                    case PtxOp.PackBf16:
                        d = PtxFragments.ToBfloat(F(b)) | ((uint)PtxFragments.ToBfloat(F(a)) << 16);
                        break;
                    case PtxOp.CvtF32S32:
                        d = B((float)(int)a);
                        break;
                    case PtxOp.CvtF32U32:
                        d = B((float)(uint)a);
                        break;
                    case PtxOp.CvtF64S32:
                        d = B((double)(int)a);
                        break;
                    case PtxOp.CvtF64U32:
                        d = B((double)(uint)a);
                        break;
                    case PtxOp.CvtF64S64:
                        d = B((double)(long)a);
                        break;
                    case PtxOp.CvtF64U64:
                        d = B((double)a);
                        break;
                    case PtxOp.CvtS32F32:
                        d = (uint)Saturate32(F(a));
                        break;
                    case PtxOp.CvtU64F32:
                        d = SaturateUnsigned(F(a));
                        break;
                    case PtxOp.CvtU64F64:
                        d = SaturateUnsigned(D(a));
                        break;
                    default:
                        throw new PtxException($"{i->Op} is not implemented");
                }
                r[i->D] = d;
            }
        }
        catch (PtxException e) when (!e.Message.StartsWith(kernel.Name, StringComparison.Ordinal))
        {
            throw Fault(thread, pc - 1, e.Message.TrimEnd('.'));
        }
    }

    private static PtxException Undefined() => new("reads a register before anything is written to it");

    // Whether an instruction uses a register that holds nothing. Vector loads and splits name registers that they write; a move only passes
    // nothing on, and so does a choice (compilers leave such moves where the value does not matter later).
    private static bool UsesUndefined(PtxInstruction* i, ulong a, ulong b, ulong c) => i->Op switch
    {
        PtxOp.Load or PtxOp.Split32 or PtxOp.Split64 => a == PtxKernel.Undefined,
        PtxOp.Move32 or PtxOp.Move64 => false,
        PtxOp.Select32 or PtxOp.Select64 => c == PtxKernel.Undefined,
        _ => true,
    };
}
