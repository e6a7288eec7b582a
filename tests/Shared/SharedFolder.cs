using System.Diagnostics;

namespace G2RL.Onnx.TestSupport;

/// <summary>
/// Finds the optional folder of third-party weights, data and golden vectors that lies beside the project's root, and the project's own
/// files.
/// </summary>
internal static class SharedFolder
{
    /// <summary>The folder of this repository that holds G2RL.Onnx.sln.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>A path inside the shared folder; the calling test becomes inconclusive when it is missing.</summary>
    /// <exception cref="InvalidOperationException">
    /// Called, however indirectly, by what an assertion runs and expects an exception of: where the folder is missing, "inconclusive" would
    /// be taken for the wrong exception, and the test would fail on a stranger's machine alone. So it fails everywhere.
    /// </exception>
    public static string Require(params string[] parts)
    {
        var name = string.Join('/', parts);
        if (IsInsideAssertion())
            throw new InvalidOperationException($"SharedFolder.Require({name}) is called inside an assertion's lambda; call it before.");
        var path = Path.Combine([Root, "..", "shared", .. parts]);
        if (!File.Exists(path) && !Directory.Exists(path))
            Assert.Inconclusive($"needs ../shared/{name}, which is not part of the repository");
        return Path.GetFullPath(path);
    }

    /// <summary>A path inside the repository.</summary>
    public static string InRepository(params string[] parts) => Path.Combine([Root, .. parts]);

    // Assert.Throws, ThrowsExactly and their asynchronous kin, which the compiler turns into nested types.
    private static bool IsInsideAssertion() => new StackTrace().GetFrames().Any(frame =>
    {
        var type = frame.GetMethod()?.DeclaringType;
        while (type?.DeclaringType is { } outer)
            type = outer;
        return type == typeof(Assert);
    });

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "G2RL.Onnx.sln")))
                return folder.FullName;
        throw new InvalidOperationException($"No G2RL.Onnx.sln above {AppContext.BaseDirectory}.");
    }
}
