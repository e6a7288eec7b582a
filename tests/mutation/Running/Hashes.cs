using System.Security.Cryptography;
using System.Text;
using G2RL.Onnx.Mutation.Mutants;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>Names of texts.</summary>
internal static class Hashes
{
    /// <summary>The SHA-256 of a text, in hexadecimal digits.</summary>
    public static string Of(string text) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>The hash of a file and of the mutants that are woven into it.</summary>
    public static string Of(IEnumerable<Mutant> file) =>
        Of(string.Join('\n', file.Select(m => m.Key).Order(StringComparer.Ordinal).Prepend(file.First().Original.SyntaxTree.ToString())));

    /// <summary>The hashes of the classes of a folder, by their names, each in a file of its name.</summary>
    public static Dictionary<string, string> OfClasses(string folder) => Directory
        .EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
        .GroupBy(f => Path.GetFileNameWithoutExtension(f))
        .ToDictionary(g => g.Key, g => Of(string.Concat(g.Order(StringComparer.Ordinal).Select(File.ReadAllText))));

    /// <summary>Names a test, the text of its class and the text of the file with the fault.</summary>
    public static int OfTrial(string test, string stamp, string file) =>
        BitConverter.ToInt32(SHA256.HashData(Encoding.UTF8.GetBytes($"{test} {stamp} {file}")));
}
