namespace G2RL.Onnx.Mutation.Running;

/// <summary>A folder that looks like the tests' own but for the woven assembly.</summary>
internal static class Stage
{
    /// <summary>Makes it anew; what is unchanged is linked, not copied.</summary>
    /// <param name="folder">Where; below the repository's root, which tests look for.</param>
    /// <param name="built">The tests' own folder.</param>
    /// <param name="woven">File name of the assembly to be replaced.</param>
    /// <param name="image">What takes its place.</param>
    public static void Make(string folder, string built, string woven, byte[] image)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        Directory.CreateDirectory(folder);
        foreach (var entry in Directory.EnumerateFileSystemEntries(built).Where(e => Path.GetFileName(e) != woven))
            // The host follows a linked .json to its folder and would take the assemblies there; our own may be built anew meanwhile.
            if (entry.EndsWith(".json", StringComparison.Ordinal)
                || Path.GetFileName(entry) is { } name && name.StartsWith("G2RL", StringComparison.Ordinal) && name.EndsWith(".dll"))
                File.Copy(entry, Path.Combine(folder, Path.GetFileName(entry)));
            else
                File.CreateSymbolicLink(Path.Combine(folder, Path.GetFileName(entry)), Path.GetFullPath(entry));
        File.WriteAllBytes(Path.Combine(folder, woven), image);
        var self = Path.Combine(folder, "G2RL.Onnx.Mutation.dll");
        File.Copy(typeof(Stage).Assembly.Location, self, overwrite: true);
    }
}
