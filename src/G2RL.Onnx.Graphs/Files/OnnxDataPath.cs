using G2RL.Onnx.Graphs;

namespace G2RL.Onnx.Files;

/// <summary>Locations of external data: a hostile model must not be able to name a file outside its own folder.</summary>
internal static class OnnxDataPath
{
    /// <summary>What is wrong with a location, or null. The rule is the same on every system: plain names, separated by '/'.</summary>
    public static string? Fault(string location)
    {
        if (location.Length == 0)
            return "which is empty";
        if (location.AsSpan().IndexOfAnyInRange('\0', '\u001f') >= 0 || location.AsSpan().IndexOfAny('\\', ':') >= 0)
            return "which holds a character that is not allowed there";
        if (location[0] == '/')
            return "which is an absolute path";
        return location.Split('/').Any(part => part is "" or "." or "..") ? "which leads through '.', '..' or an empty name" : null;
    }

    /// <summary>The file of a location without fault.</summary>
    /// <exception cref="GraphException">It does not exist, or a link leads to it.</exception>
    public static string Resolve(string folder, string location, string holder)
    {
        var path = folder;
        foreach (var part in location.Split('/'))
        {
            path = Path.Combine(path, part);
            if (new FileInfo(path).LinkTarget is { } target)
                throw new GraphException($"{holder} names the data file '{location}', where '{part}' is a link to '{target}'. "
                    + "A link may lead out of the model's folder: put the file itself there.");
        }
        return File.Exists(path) ? path : throw new GraphException($"{holder} names the data file '{location}'; {path} does not exist.");
    }
}
