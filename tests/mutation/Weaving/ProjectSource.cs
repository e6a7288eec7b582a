using System.Diagnostics;
using System.Reflection;
using System.Text.Json.Nodes;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Diagnostics;

namespace G2RL.Onnx.Mutation.Weaving;

/// <summary>A project as the compiler sees it, from the command line that MSBuild would give it.</summary>
/// <param name="Compilation">Its sources (with what generators add left to <see cref="Generate"/>) and references.</param>
/// <param name="Resources">What is embedded.</param>
/// <param name="Generators">What adds sources.</param>
internal sealed record ProjectSource(
    CSharpCompilation Compilation,
    IReadOnlyList<ResourceDescription> Resources,
    IReadOnlyList<ISourceGenerator> Generators)
{
    /// <summary>Asks MSBuild; the project's references must have been built.</summary>
    /// <exception cref="InvalidOperationException">MSBuild fails.</exception>
    public static ProjectSource Read(string project)
    {
        var start = new ProcessStartInfo("dotnet", [
            "msbuild", project, "-t:PrepareResources;Compile", "-p:Configuration=Release", "-p:BuildProjectReferences=false",
            "-p:SkipCompilerExecution=true", "-p:ProvideCommandLineArgs=true", "-p:NonExistentFile=none", "-getItem:CscCommandLineArgs"])
        {
            RedirectStandardOutput = true,
            UseShellExecute = false,
            WorkingDirectory = Path.GetDirectoryName(Path.GetFullPath(project)),
        };
        start.ArgumentList[1] = Path.GetFullPath(project);
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"dotnet msbuild {project} fails; build the solution in Release first.\n{text}");
        var words = JsonNode.Parse(text)!["Items"]!["CscCommandLineArgs"]!.AsArray()
            .Select(i => (string)i!["Identity"]!)
            .Where(w =>
                !w.StartsWith("/analyzerconfig:", StringComparison.Ordinal) && !w.StartsWith("/sourcelink", StringComparison.Ordinal));
        var folder = start.WorkingDirectory!;
        var given = CSharpCommandLineParser.Default.Parse(words, folder, sdkDirectory: null);
        var parse = given.ParseOptions.WithDocumentationMode(DocumentationMode.None);
        var trees =
            given.SourceFiles.Select(f => CSharpSyntaxTree.ParseText(File.ReadAllText(f.Path), parse, f.Path, System.Text.Encoding.UTF8));
        var references = given.MetadataReferences.Select(r => MetadataReference.CreateFromFile(Path.Combine(folder, r.Reference)));
        var options = given.CompilationOptions
            .WithGeneralDiagnosticOption(ReportDiagnostic.Suppress)
            .WithSpecificDiagnosticOptions([])
            .WithXmlReferenceResolver(null);
        var generators = given.AnalyzerReferences
            .SelectMany(r => new AnalyzerFileReference(Path.Combine(folder, r.FilePath), new Loader()).GetGenerators(LanguageNames.CSharp));
        return new(
            CSharpCompilation.Create(given.CompilationName, trees, references, options),
            [.. given.ManifestResources],
            [.. generators]);
    }

    /// <summary>The compilation with what its source generators add.</summary>
    public CSharpCompilation Generate(CSharpCompilation compilation)
    {
        CSharpGeneratorDriver
            .Create(Generators, parseOptions: (CSharpParseOptions)compilation.SyntaxTrees[0].Options)
            .RunGeneratorsAndUpdateCompilation(compilation, out var whole, out _);
        return (CSharpCompilation)whole;
    }

    private sealed class Loader : IAnalyzerAssemblyLoader
    {
        public void AddDependencyLocation(string fullPath)
        {
        }

        public Assembly LoadFromPath(string fullPath) => Assembly.LoadFrom(fullPath);
    }
}
