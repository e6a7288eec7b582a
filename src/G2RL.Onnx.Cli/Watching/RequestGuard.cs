using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace G2RL.Onnx.Cli.Watching;

/// <summary>
/// Who may ask: whoever knows the token in the address, from this machine's own names, and not from another site's page. A page of another
/// site that makes a name point here (DNS rebinding) sends that name as Host, and one that asks across sites sends its Origin.
/// </summary>
/// <param name="token">The first part of every path.</param>
internal sealed class RequestGuard(string token)
{
    private static readonly string[] OwnNames = ["127.0.0.1", "localhost", "[::1]"];

    private readonly byte[] expected = Encoding.UTF8.GetBytes(token);

    /// <summary>A token that cannot be guessed: 128 random bits.</summary>
    public static string NewToken() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    /// <summary>The status that a request is refused with; null where it is let through.</summary>
    public int? Refusal(HttpRequest request)
    {
        if (!OwnNames.Contains(request.Host.Host, StringComparer.OrdinalIgnoreCase))
            return StatusCodes.Status421MisdirectedRequest;
        if (request.Headers.Origin.Any(o => !string.Equals(o, $"http://{request.Host.Value}", StringComparison.OrdinalIgnoreCase)))
            return StatusCodes.Status403Forbidden;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
            return StatusCodes.Status405MethodNotAllowed;
        return Path(request) is null ? StatusCodes.Status404NotFound : null;
    }

    /// <summary>The path behind the token, without its slash; null where the token is another.</summary>
    public string? Path(HttpRequest request)
    {
        var path = request.Path.Value ?? "";
        var end = path.IndexOf('/', Math.Min(1, path.Length));
        return path.StartsWith('/') && end > 0
            && CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(path[1..end]), expected)
            ? path[(end + 1)..]
            : null;
    }
}
