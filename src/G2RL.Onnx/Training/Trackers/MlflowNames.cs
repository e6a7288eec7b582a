using System.Text;

namespace G2RL.Onnx.Training.Trackers;

/// <summary>Names of metrics and params as MLflow allows them: letters, digits, _ - . / and spaces; pass@1 becomes pass_at_1.</summary>
internal static class MlflowNames
{
    /// <summary>The name as a relative path that leads nowhere but below its folder.</summary>
    public static string Of(string name)
    {
        var text = new StringBuilder();
        foreach (var c in name.Replace("@", "_at_", StringComparison.Ordinal))
            text.Append(char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.' or '/' or ' ' ? c : '_');
        return string.Join('/', text.ToString().Split('/').Select(p => p.Trim('.', ' ').Length == 0 ? "_" : p));
    }
}
