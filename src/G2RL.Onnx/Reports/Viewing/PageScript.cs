using System.Security.Cryptography;
using System.Text;

namespace G2RL.Onnx.Reports.Viewing;

/// <summary>The page's script, put together from its parts, and the policy that lets nothing else run.</summary>
internal static class PageScript
{
    private static readonly string[] Parts = ["dom", "source", "explorer", "card", "group", "viewer", "page"];

    /// <summary>The script. One block, so that its names are its own.</summary>
    public static string Text { get; } = "\"use strict\";\n{\n" + string.Concat(Parts.Select(p => Resource($"{p}.js"))) + "}\n";

    /// <summary>What a browser may do with a page: its own style, the one script, and requests to where it was served from.</summary>
    public static string Policy(string script, bool served)
    {
        var policy = new StringBuilder("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'");
        if (script.Length > 0)
            policy.Append($"; script-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(script)))}'");
        if (served)
            policy.Append("; connect-src 'self'");
        return policy.ToString();
    }

    /// <summary>A text that is part of the program.</summary>
    public static string Resource(string name)
    {
        using var stream = typeof(PageScript).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
