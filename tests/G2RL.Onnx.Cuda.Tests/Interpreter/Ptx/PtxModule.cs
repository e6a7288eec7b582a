using System.Text;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>A module's kernels, by name.</summary>
internal sealed partial class PtxModule
{
    private static readonly string[] Unsupported = [".extern", "call", ".local", ".const", ".tex", ".func"];

    private readonly Dictionary<string, PtxKernel> kernels = [];

    /// <summary>Parses and decodes PTX.</summary>
    /// <exception cref="PtxException">Something that is not understood; the message quotes it.</exception>
    public PtxModule(string text)
    {
        text = Comment().Replace(text, string.Empty);
        Version = VersionLine().Match(text).Groups[1].Value;
        Target = TargetLine().Match(text).Groups[1].Value;
        // The block's memory whose size the launch gives.
        var dynamic = DynamicArray().Match(text);
        text = DynamicArray().Replace(text, string.Empty);
        foreach (var word in Unsupported)
            if (Regex.IsMatch(text, $@"(?<![\w.$]){Regex.Escape(word)}\b"))
                throw new PtxException($"'{word}' is not supported by the interpreter.");
        var moduleShared = SharedArray().Matches(OutsideBodies(text)).Select(m => new SharedSymbol(m)).ToArray();
        foreach (Match m in Entry().Matches(text))
        {
            var name = m.Groups["name"].Value;
            kernels.Add(name, new PtxDecoder(
                name,
                m.Groups["parameters"].Value,
                m.Groups["directives"].Value,
                m.Groups["body"].Value,
                moduleShared,
                dynamic.Success ? dynamic.Groups[1].Value : null).Decode());
        }
        if (kernels.Count == 0)
            throw new PtxException("The text has no .entry: it is no PTX module.");
    }

    /// <summary>.version</summary>
    public string Version { get; }

    /// <summary>.target</summary>
    public string Target { get; }

    /// <summary>Names of the entries.</summary>
    public IReadOnlyCollection<string> Names => kernels.Keys;

    /// <summary>A kernel.</summary>
    /// <exception cref="PtxException">The module has no such entry.</exception>
    public PtxKernel this[string name] => kernels.TryGetValue(name, out var kernel)
        ? kernel
        : throw new PtxException($"The module has no entry '{name}'; it has {string.Join(", ", kernels.Keys)}.");

    private static string OutsideBodies(string text)
    {
        var (outside, depth) = (new StringBuilder(), 0);
        foreach (var c in text)
        {
            depth += c == '{' ? 1 : c == '}' ? -1 : 0;
            if (depth == 0)
                outside.Append(c);
        }
        return outside.ToString();
    }

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"\.version\s+([\d.]+)")]
    private static partial Regex VersionLine();

    [GeneratedRegex(@"\.target\s+(\w+)")]
    private static partial Regex TargetLine();

    [GeneratedRegex(@"\.shared\s+\.align\s+(\d+)\s+\.b8\s+([\w$]+)\[(\d+)\]")]
    internal static partial Regex SharedArray();

    [GeneratedRegex(@"\.extern\s+\.shared\s+\.align\s+16\s+\.b8\s+([\w$]+)\[\];")]
    private static partial Regex DynamicArray();

    [GeneratedRegex(
        @"\.entry\s+(?<name>[\w$]+)\s*\((?<parameters>.*?)\)(?<directives>[^{]*)\{(?<body>.*?)\n\}",
        RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Entry();
}

/// <summary>A static array in shared memory.</summary>
internal sealed record SharedSymbol(string Name, int Bytes, int Alignment)
{
    public SharedSymbol(Match m)
        : this(m.Groups[2].Value, int.Parse(m.Groups[3].Value), int.Parse(m.Groups[1].Value))
    {
    }
}
