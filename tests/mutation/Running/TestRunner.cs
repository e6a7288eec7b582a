using System.Reflection;

namespace G2RL.Onnx.Mutation.Running;

/// <summary>
/// Runs single MSTest tests inside this process: no platform around them, so that a test of a millisecond takes one. Knows what this
/// repository's tests use: rows, dynamic data, initialize, cleanup, dispose; classes that ask for a TestContext are left out.
/// </summary>
internal sealed class TestRunner
{
    private readonly Dictionary<string, (Type Class, MethodInfo Method, object?[]? Row)> tests = new(StringComparer.Ordinal);

    /// <summary>Finds the tests of an assembly.</summary>
    public TestRunner(Assembly assembly)
    {
        foreach (var type in assembly.GetTypes().Where(t => Has(t, "TestClassAttribute") && !t.IsAbstract && !Has(t, "IgnoreAttribute")))
            if (type.GetProperty("TestContext") is null)
                foreach (var method in type.GetMethods().Where(m => Has(m, "TestMethodAttribute") && !Has(m, "IgnoreAttribute")))
                    Add(type, method);
    }

    /// <summary>Their names: class, method and number of the row.</summary>
    public IReadOnlyCollection<string> Names => tests.Keys;

    /// <summary>Runs one.</summary>
    /// <returns>How it ended, with which message, and how many milliseconds of the processor it took.</returns>
    public (TestEnd End, string? Message, double Milliseconds) Run(string name)
    {
        var (type, method, row) = tests[name];
        var before = Environment.CpuUsage.TotalTime;
        var failure = Try(type, method, row);
        var end = failure is null ? TestEnd.Passed
            : failure.GetType().Name == "AssertInconclusiveException" ? TestEnd.Inconclusive
            : TestEnd.Failed;
        return (end, failure?.Message, (Environment.CpuUsage.TotalTime - before).TotalMilliseconds);
    }

    private static Exception? Try(Type type, MethodInfo method, object?[]? row)
    {
#pragma warning disable CA1031 // whatever a test throws is how it ended
        try
        {
            var test = method.IsStatic ? null : Activator.CreateInstance(type);
            try
            {
                Call(test, "TestInitializeAttribute", type);
                Wait(method.Invoke(test, row));
            }
            finally
            {
                Call(test, "TestCleanupAttribute", type);
                (test as IDisposable)?.Dispose();
            }
            return null;
        }
        catch (TargetInvocationException e)
        {
            return e.InnerException;
        }
        catch (Exception e)
        {
            return e;
        }
#pragma warning restore CA1031
    }

    private static void Call(object? test, string attribute, Type type)
    {
        foreach (var method in type.GetMethods().Where(m => Has(m, attribute)))
            Wait(method.Invoke(test, null));
    }

    private static void Wait(object? result)
    {
        if (result is Task task)
            task.GetAwaiter().GetResult();
    }

    private void Add(Type type, MethodInfo method)
    {
        var sources = method.GetCustomAttributes().Where(a => a.GetType().GetInterface("ITestDataSource") is not null).ToArray();
        if (sources.Length == 0)
            tests[$"{type.Name}.{method.Name}"] = (type, method, null);
        var number = 0;
        foreach (var source in sources)
            foreach (var row in Rows(source, method))
                tests[$"{type.Name}.{method.Name}#{number++}"] = (type, method, Arguments(method, row));
    }

    // Data that cannot be made, for want of a file or because of a planted fault, is no test.
    private static object?[][] Rows(Attribute source, MethodInfo method)
    {
#pragma warning disable CA1031
        try
        {
            return [.. (IEnumerable<object?[]>)source.GetType().GetMethod("GetData")!.Invoke(source, [method])!];
        }
        catch (Exception)
        {
            return [];
        }
#pragma warning restore CA1031
    }

    // "params" takes what is left over.
    private static object?[] Arguments(MethodInfo method, object?[] row)
    {
        var parameters = method.GetParameters();
        if (parameters.Length == 0 || !Has(parameters[^1], "ParamArrayAttribute") || row.Length == parameters.Length && row[^1] is Array)
            return [.. row, .. parameters.Skip(row.Length).Select(p => p.DefaultValue)];
        var rest = row[(parameters.Length - 1)..];
        var array = Array.CreateInstance(parameters[^1].ParameterType.GetElementType()!, rest.Length);
        rest.CopyTo(array, 0);
        return [.. row[..(parameters.Length - 1)], array];
    }

    private static bool Has(ICustomAttributeProvider what, string attribute)
    {
        for (var i = 0; i < what.GetCustomAttributes(inherit: true).Length; i++)
            for (var type = what.GetCustomAttributes(inherit: true)[i].GetType(); type is not null; type = type.BaseType)
                if (type.Name == attribute)
                    return true;
        return false;
    }
}

/// <summary>How a test ended.</summary>
internal enum TestEnd
{
    /// <summary>Without an exception.</summary>
    Passed,

    /// <summary>It wants something that is not here.</summary>
    Inconclusive,

    /// <summary>With an exception.</summary>
    Failed,
}
