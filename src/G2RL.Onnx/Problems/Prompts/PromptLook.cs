using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace G2RL.Onnx.Problems.Prompts;

/// <summary>What became of one problem's prompt.</summary>
/// <param name="Problem">The problem.</param>
/// <param name="Length">Its prompt's tokens; 0 where there are none.</param>
/// <param name="Fault">Why it cannot become tokens; null when it can.</param>
/// <param name="Hash">SHA-256 of the problem and its tokens.</param>
internal readonly record struct PromptLook(Problem Problem, int Length, string? Fault, byte[] Hash)
{
    /// <summary>Looks at one problem.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="encode">Its tokens; an <see cref="InputException"/> where there are none.</param>
    public static PromptLook At(Problem problem, Func<Problem, int[]> encode)
    {
        try
        {
            var tokens = encode(problem);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            // As a record it prints all that it holds.
            hash.AppendData(Encoding.UTF8.GetBytes(problem.ToString()));
            hash.AppendData(MemoryMarshal.AsBytes<int>(tokens));
            return new(
                problem,
                tokens.Length,
                tokens.Length == 0 ? $"{problem.Id}: the prompt has no tokens." : null,
                hash.GetHashAndReset());
        }
        catch (InputException e)
        {
            return new(problem, 0, $"{problem.Id}: {e.Message}", []);
        }
    }

    /// <summary>SHA-256 of several, in order, hexadecimal.</summary>
    public static string HashOf(IEnumerable<PromptLook> looks)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var look in looks)
            hash.AppendData(look.Hash);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
