using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>Turns the text of one kernel into instructions. Whatever it does not know is an error, at load.</summary>
internal sealed partial class PtxDecoder(
    string name,
    string parameterText,
    string directives,
    string body,
    IReadOnlyList<SharedSymbol> moduleShared,
    string? dynamicShared)
{
    private readonly Dictionary<string, int> registers = [];
    private readonly List<string> registerNames = [];
    private readonly List<ulong> template = [];
    private readonly Dictionary<string, ulong> symbols = [];
    private readonly Dictionary<string, int> labels = [];
    private readonly Dictionary<string, (int Bytes, int Offset)> parameters = [];
    private readonly List<int[]> fragments = [];
    private readonly SpecialRegisters special = new();
    private int sharedBytes;

    public PtxKernel Decode()
    {
        Register("0", 0);
        DeclareParameters();
        foreach (var symbol in moduleShared.Where(s => Regex.IsMatch(body, $@"(?<![\w$]){Regex.Escape(s.Name)}(?![\w$])"))
            .Concat(PtxModule.SharedArray().Matches(body).Select(m => new SharedSymbol(m))))
        {
            sharedBytes = (sharedBytes + symbol.Alignment - 1) / symbol.Alignment * symbol.Alignment;
            symbols[symbol.Name] = SharedMemory.Base + (ulong)sharedBytes;
            sharedBytes += symbol.Bytes;
        }
        if (dynamicShared is not null)
        {
            sharedBytes = (sharedBytes + 15) / 16 * 16;
            symbols[dynamicShared] = SharedMemory.Base + (ulong)sharedBytes;
        }
        foreach (Match m in Declaration().Matches(body))
            foreach (var declared in m.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries))
                Declare(declared);
        var statements = Statements();
        var code = GC.AllocateArray<PtxInstruction>(statements.Count + 1, pinned: true);
        for (var i = 0; i < statements.Count; i++)
            code[i] = Instruction(statements[i]);
        // A kernel that runs past its end returns.
        code[^1] = new PtxInstruction { Op = PtxOp.Return, Guard = -1 };
        var max = MaxThreads().Match(directives);
        return new PtxKernel
        {
            Name = name,
            Parameters = [.. parameters.Values],
            MaxThreads = max.Success ? max.Groups[1].Value.Split(',').Select(int.Parse).Aggregate((a, b) => a * b) : 1024,
            SharedBytes = sharedBytes,
            Text = [.. statements, "end of kernel"],
            RegisterNames = registerNames,
            Code = code,
            Template = [.. template],
            Fragments = fragments,
            Special = special,
        };
    }

    private void DeclareParameters()
    {
        var offset = 0;
        foreach (Match m in Parameter().Matches(parameterText))
        {
            var bytes = SizeOf(m.Groups[1].Value);
            offset = (offset + bytes - 1) / bytes * bytes;
            parameters.Add(m.Groups[2].Value, (bytes, offset));
            offset += bytes;
        }
    }

    private void Declare(string declared)
    {
        var m = Declared().Match(declared);
        if (!m.Success)
            throw new PtxException($"{name}: register declaration '{declared}' is not understood.");
        if (!m.Groups[2].Success)
            Register(m.Groups[1].Value, PtxKernel.Undefined);
        for (var i = 0; m.Groups[2].Success && i < int.Parse(m.Groups[2].Value); i++)
            Register(m.Groups[1].Value + i, PtxKernel.Undefined);
    }

    private int Register(string text, ulong initial)
    {
        if (!registers.TryGetValue(text, out var index))
        {
            registers.Add(text, index = template.Count);
            registerNames.Add(text);
            template.Add(initial);
        }
        return index;
    }

    // Cuts the body at semicolons, notes labels, and drops directives and the braces of scopes (a brace within a statement is a vector).
    private List<string> Statements()
    {
        var statements = new List<string>();
        var current = new StringBuilder();
        void TakeLabels()
        {
            while (Label().Match(current.ToString()) is { Success: true } m)
            {
                labels.Add(m.Groups[1].Value, statements.Count);
                current.Remove(0, m.Length);
            }
        }

        foreach (var c in body)
            switch (c)
            {
                case ';':
                    TakeLabels();
                    var statement = Blanks().Replace(current.ToString(), " ").Trim();
                    if (statement.Length > 0 && statement[0] != '.')
                        statements.Add(statement);
                    current.Clear();
                    break;
                case '{' or '}' when IsBlank():
                    break;
                default:
                    current.Append(c);
                    break;
            }
        TakeLabels();
        return IsBlank() ? statements : throw new PtxException($"{name}: '{current}' is no statement.");

        bool IsBlank()
        {
            TakeLabels();
            return string.IsNullOrWhiteSpace(current.ToString());
        }
    }

    private PtxInstruction Instruction(string text)
    {
        PtxException Unknown(string what) => new($"{name}: {what} in «{text}» is not supported by the interpreter.");
        var i = new PtxInstruction { Guard = -1, Count = 1 };
        var rest = text;
        if (Guard().Match(text) is { Success: true } g)
        {
            (i.Guard, i.SkipOn, rest) = (Source(g.Groups[2].Value), g.Groups[1].Length > 0, text[g.Length..]);
        }
        var space = rest.IndexOf(' ', StringComparison.Ordinal);
        var mnemonic = space < 0 ? rest : rest[..space];
        var operands = space < 0 ? [] : Operand().Matches(rest[space..]).Select(m => m.Value).ToArray();
        var parts = mnemonic.Split('.');
        void Sources(int first)
        {
            for (var k = first; k < operands.Length; k++)
            {
                var register = Source(operands[k]);
                switch (k - first)
                {
                    case 0:
                        i.A = register;
                        break;
                    case 1:
                        i.B = register;
                        break;
                    case 2:
                        i.C = register;
                        break;
                    case 3:
                        i.E = register;
                        break;
                    default:
                        throw Unknown("the number of operands");
                }
            }
        }

        if (parts[0] == "mov" && (operands[0][0] == '{' || operands[1][0] == '{'))
        {
            var split = operands[0][0] == '{';
            var pair = Elements(operands[split ? 0 : 1]);
            if (pair.Length != 2 || parts[1] is not ("b32" or "b64"))
                throw Unknown("this move");
            i.Op = (split, parts[1]) switch
            {
                (true, "b32") => PtxOp.Split32,
                (true, _) => PtxOp.Split64,
                (_, "b32") => PtxOp.Join32,
                _ => PtxOp.Join64,
            };
            (i.D, i.A, i.B) = split
                ? (Destination(pair[0]), Source(operands[1]), Destination(pair[1]))
                : (Destination(operands[0]), Source(pair[0]), Source(pair[1]));
            return i;
        }
        if (PtxOpcodes.All.TryGetValue(mnemonic, out i.Op))
        {
            i.D = Destination(operands[0]);
            Sources(1);
            return i;
        }
        switch (parts[0])
        {
            case "ret" or "exit" when parts.Length == 1:
                i.Op = PtxOp.Return;
                return i;
            case "bra" when parts.Length == 1 || parts[1] == "uni":
                i.Op = PtxOp.Branch;
                i.Offset = labels.TryGetValue(operands[0], out var target) ? target : throw Unknown($"label {operands[0]}");
                return i;
            case "bar" or "barrier" when mnemonic is "bar.sync" or "barrier.sync" or "barrier.sync.aligned" && operands is ["0"]:
                i.Op = PtxOp.BarrierBlock;
                return i;
            case "bar" when mnemonic == "bar.warp.sync":
                i.Op = PtxOp.BarrierWarp;
                i.E = Source(operands[0]);
                return i;
            case "shfl" when mnemonic.StartsWith("shfl.sync.") && parts is [_, _, _, "b32"] && operands.Length == 5:
                i.Op = parts[2] switch
                {
                    "bfly" => PtxOp.ShuffleXor,
                    "up" => PtxOp.ShuffleUp,
                    "down" => PtxOp.ShuffleDown,
                    "idx" => PtxOp.ShuffleIndex,
                    _ => throw Unknown("this shuffle"),
                };
                i.D = Destination(operands[0]);
                Sources(1);
                return i;
            case "vote" when mnemonic == "vote.sync.ballot.b32":
                (i.Op, i.D, i.A, i.E) = (PtxOp.Ballot, Destination(operands[0]), Source(operands[1]), Source(operands[2]));
                return i;
            case "mma" or "ldmatrix":
                (i.Op, i.E, i.Offset) = (
                    mnemonic == PtxFragments.Product ? PtxOp.MultiplyTiles
                    : mnemonic == PtxFragments.Load ? PtxOp.LoadMatrices
                    : mnemonic == PtxFragments.LoadTransposed ? PtxOp.LoadTransposed
                    : throw Unknown("this shape"), Source("0xffffffff"), fragments.Count);
                fragments.Add(
                [
                    .. Elements(operands[0]).Select(Destination),
                    .. operands[1..].SelectMany(o => o[0] == '{' ? Elements(o) : [o.Trim('[', ']')]).Select(Source),
                ]);
                return fragments[^1].Length == (i.Op == PtxOp.MultiplyTiles ? 14 : 5) ? i : throw Unknown("the number of registers");
            case "cp" when mnemonic is "cp.async.cg.shared.global" or "cp.async.ca.shared.global" && operands.Length == 4:
                (i.Op, i.Size) = (PtxOp.BeginCopy, byte.Parse(operands[2], CultureInfo.InvariantCulture));
                if (i.Size is not (4 or 8 or 16) || (i.Size != 16 && parts[2] == "cg"))
                    throw Unknown("this size");
                (i.A, i.B, i.C) = (Source(operands[0].Trim('[', ']')), Source(operands[1].Trim('[', ']')), Source(operands[3]));
                return i;
            case "cp" when mnemonic == "cp.async.commit_group":
                i.Op = PtxOp.EndCopies;
                return i;
            case "cp" when mnemonic == "cp.async.wait_group":
                (i.Op, i.Offset) = (PtxOp.WaitForCopies, int.Parse(operands[0], CultureInfo.InvariantCulture));
                return i;
            case "cvta":
                (i.D, i.A) = (Destination(operands[0]), Source(operands[1]));
                i.Op = mnemonic switch
                {
                    "cvta.global.u64" or "cvta.to.global.u64" => PtxOp.Move64,
                    "cvta.shared.u64" => PtxOp.AddWindow,
                    "cvta.to.shared.u64" => PtxOp.RemoveWindow,
                    _ => throw Unknown("this conversion"),
                };
                return i;
            case "ld" when parts[1] == "param":
                {
                    var m = ParameterAddress().Match(operands[1]);
                    if (!m.Success || !parameters.TryGetValue(m.Groups[1].Value, out var parameter))
                        throw Unknown("the parameter");
                    (i.Op, i.D, i.Size) = (PtxOp.LoadParameter, Destination(operands[0]), (byte)SizeOf(parts[^1]));
                    i.Offset = parameter.Offset + (m.Groups[2].Success ? int.Parse(m.Groups[2].Value) : 0);
                    return i;
                }
            case "ld":
                Access(1);
                i.Op = PtxOp.Load;
                i.Signed = parts[^1][0] == 's';
                Vector(operands[0], Destination);
                return i;
            case "st":
                Access(0);
                i.Op = PtxOp.Store;
                Vector(operands[1], Source);
                return i;
            case "atom" or "red":
                {
                    var address = parts[0] == "atom" ? 1 : 0;
                    Access(address);
                    i.D = address == 1 ? Destination(operands[0]) : Register("discarded", 0);
                    i.B = Source(operands[address + 1]);
                    i.Op = (parts[^2], parts[^1]) switch
                    {
                        ("add", "u32" or "s32" or "u64") => PtxOp.AtomicAddInteger,
                        ("add", "f32") => PtxOp.AtomicAddFloat,
                        ("min", "u32" or "u64") => PtxOp.AtomicMinUnsigned,
                        _ => throw Unknown("this atomic"),
                    };
                    return i;
                }
            default:
                throw Unknown($"instruction '{mnemonic}'");
        }

        // Space, size, count, address of an access.
        void Access(int operand)
        {
            i.Size = (byte)SizeOf(parts[^1]);
            foreach (var part in parts[1..^1])
                switch (part)
                {
                    case "global":
                        i.Space = Space.Global;
                        break;
                    case "shared":
                        i.Space = Space.Shared;
                        break;
                    case "v2":
                        i.Count = 2;
                        break;
                    case "v4":
                        i.Count = 4;
                        break;
                    case "add" or "min" when parts[0] is "atom" or "red":
                        break;
                    default:
                        throw Unknown($"'.{part}'");
                }
            var m = Address().Match(operands[operand]);
            if (!m.Success)
                throw Unknown("the address");
            i.A = Source(m.Groups[1].Value);
            i.Offset = m.Groups[2].Success ? int.Parse(m.Groups[2].Value) : 0;
        }

        void Vector(string operand, Func<string, int> register)
        {
            var elements = operand[0] == '{' ? Elements(operand) : [operand];
            if (elements.Length != i.Count)
                throw Unknown("the vector");
            i.D = register(elements[0]);
            if (i.Count > 1)
                i.B = register(elements[1]);
            if (i.Count > 2)
                (i.C, i.E) = (register(elements[2]), register(elements[3]));
        }
    }

    private int Destination(string operand) =>
        registers.TryGetValue(operand, out var index) && operand != "0"
            ? index
            : throw new PtxException($"{name}: '{operand}' is no register to write to.");

    private int Source(string operand)
    {
        if (registers.TryGetValue(operand, out var index))
            return index;
        var known = Array.IndexOf(SpecialRegisters.Names, operand);
        if (known >= 0)
            return special.Indices[known] = Register(operand, PtxKernel.Undefined);
        return Register(operand, symbols.TryGetValue(operand, out var address) ? address : Constant(operand));
    }

    private ulong Constant(string text) => text switch
    {
        _ when text.StartsWith("0f", StringComparison.OrdinalIgnoreCase) && text.Length == 10 =>
            uint.Parse(text.AsSpan(2), NumberStyles.HexNumber),
        _ when text.StartsWith("0d", StringComparison.OrdinalIgnoreCase) && text.Length == 18 =>
            ulong.Parse(text.AsSpan(2), NumberStyles.HexNumber),
        _ when text.StartsWith("0x", StringComparison.OrdinalIgnoreCase) =>
            ulong.Parse(text.AsSpan(2).TrimEnd('U'), NumberStyles.HexNumber),
        _ when long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) => (ulong)value,
        _ when ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) => value,
        _ => throw new PtxException($"{name}: operand '{text}' is not understood."),
    };

    private static string[] Elements(string vector) => vector.Trim('{', '}').Split(',', StringSplitOptions.TrimEntries);

    private static int SizeOf(string type) => type switch
    {
        "b8" or "u8" or "s8" => 1,
        "b16" or "u16" or "s16" or "f16" => 2,
        "b32" or "u32" or "s32" or "f32" => 4,
        "b64" or "u64" or "s64" or "f64" => 8,
        _ => throw new PtxException($"Type '.{type}' is not supported by the interpreter."),
    };

    [GeneratedRegex(@"\.param\s+\.(\w+)\s+([\w$]+)")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"\.reg\s+\.\w+\s+([^;]+);")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"^(%?[\w$]+)(?:<(\d+)>)?$")]
    private static partial Regex Declared();

    [GeneratedRegex(@"\.maxntid\s+(\d+(?:,\s*\d+)*)")]
    private static partial Regex MaxThreads();

    [GeneratedRegex(@"^\s*([\w$]+):")]
    private static partial Regex Label();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex(@"^@(!?)(%\w+) ")]
    private static partial Regex Guard();

    [GeneratedRegex(@"\{[^}]*\}|\[[^\]]*\]|[^,\s]+")]
    private static partial Regex Operand();

    [GeneratedRegex(@"^\[([%\w$]+)(?:\+(-?\d+))?\]$")]
    private static partial Regex Address();

    [GeneratedRegex(@"^\[([\w$]+)(?:\+(\d+))?\]$")]
    private static partial Regex ParameterAddress();
}
