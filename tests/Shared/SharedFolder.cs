namespace G2RL.Onnx.TestSupport;

/// <summary>Finds the optional folder of third-party weights, data and golden vectors that lies beside the project's root, and the project's own files.</summary>
internal static class SharedFolder
{
    /// <summary>The folder of this repository that holds G2RL.Onnx.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path inside the shared folder; the calling test becomes inconclusive when it is missing.</summary>
    public static string Require(params string[] parts)
    {
        var path = Path.Combine([Root, "..", "shared", .. parts]);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Inconclusive($"needs ../shared/{string.Join('/', parts)}, which is not part of the repository");
        return Path.GetFullPath(path);
    }

    /// <summary>A path inside the repository.</summary>
    public static string InRepository(params string[] parts) => Path.Combine([Root, .. parts]);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "G2RL.Onnx.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"No G2RL.Onnx.sln above {AppContext.BaseDirectory}.");
    }
}
