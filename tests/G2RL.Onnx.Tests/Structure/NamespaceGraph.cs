using Mono.Cecil;
using Mono.Cecil.Cil;

namespace G2RL.Onnx.Tests.Structure;

/// <summary>
/// Which namespaces of an assembly use which, read from the compiled code: signatures, bodies, attributes and generic arguments.
/// </summary>
/// <remarks>Constants and names in doc comments leave nothing behind in compiled code; a circle of those alone is not seen.</remarks>
internal static class NamespaceGraph
{
    /// <summary>One use of a type by another, both of the assembly.</summary>
    internal readonly record struct Use(string From, string To, string User, string Used)
    {
        public override string ToString() => $"{User} uses {Used}";
    }

    /// <summary>Every use that crosses from one namespace to another.</summary>
    public static IReadOnlyList<Use> Of(string assembly)
    {
        using var module = ModuleDefinition.ReadModule(assembly);
        var uses = new HashSet<Use>();
        foreach (var type in module.GetTypes())
        {
            var user = Outermost(type);
            foreach (var reference in References(type).SelectMany(Parts))
                if (reference.Resolve() is { } found
                    && found.Module == module
                    && Outermost(found) is var used
                    && used.Namespace != user.Namespace)
                    uses.Add(new(user.Namespace, used.Namespace, user.Name, used.Name));
        }
        // What the compiler makes for itself lies in no namespace.
        return [.. uses.Where(u => u.From.Length > 0 && u.To.Length > 0)];
    }

    /// <summary>
    /// Sets of namespaces that reach each other; a namespace and what lies within it count as one house and are no circle.
    /// </summary>
    public static IReadOnlyList<IReadOnlyList<string>> Circles(IEnumerable<Use> uses)
    {
        var next = uses.Where(u => !IsWithin(u.From, u.To) && !IsWithin(u.To, u.From))
            .GroupBy(u => u.From, StringComparer.Ordinal)
            .ToDictionary(g => g.Key, g => g.Select(u => u.To).ToHashSet(StringComparer.Ordinal), StringComparer.Ordinal);
        var reach = next.Keys.ToDictionary(n => n, n => Reached(n, next), StringComparer.Ordinal);
        return
        [
            .. next.Keys.Where(n => reach[n].Contains(n))
                .GroupBy(n => string.Join(
                    ' ',
                    reach[n].Where(o => reach.TryGetValue(o, out var back) && back.Contains(n)).Order(StringComparer.Ordinal)))
                .Select(g => (IReadOnlyList<string>)[.. g.Order(StringComparer.Ordinal)]),
        ];
    }

    private static bool IsWithin(string inner, string outer) => inner == outer || inner.StartsWith(outer + ".", StringComparison.Ordinal);

    private static HashSet<string> Reached(string from, Dictionary<string, HashSet<string>> next)
    {
        var (reached, open) = (new HashSet<string>(StringComparer.Ordinal), new Stack<string>([from]));
        while (open.TryPop(out var at))
            foreach (var to in next.GetValueOrDefault(at) ?? [])
                if (reached.Add(to))
                    open.Push(to);
        return reached;
    }

    private static TypeDefinition Outermost(TypeDefinition type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    private static IEnumerable<TypeReference> References(TypeDefinition type)
    {
        IEnumerable<TypeReference?> all =
        [
            type.BaseType,
            .. type.Interfaces.Select(i => i.InterfaceType),
            .. Attributes(type),
            .. type.GenericParameters.SelectMany(p => p.Constraints).Select(c => c.ConstraintType),
            .. type.Fields.SelectMany(f => Attributes(f).Append(f.FieldType)),
            .. type.Properties.SelectMany(p => Attributes(p).Append(p.PropertyType)),
            .. type.Methods.SelectMany(References),
        ];
        return all.OfType<TypeReference>();
    }

    private static IEnumerable<TypeReference?> References(MethodDefinition method)
    {
        foreach (var reference in Signature(method).Concat(Attributes(method)))
            yield return reference;
        foreach (var constraint in method.GenericParameters.SelectMany(p => p.Constraints))
            yield return constraint.ConstraintType;
        if (!method.HasBody)
            yield break;
        foreach (var variable in method.Body.Variables)
            yield return variable.VariableType;
        foreach (var handler in method.Body.ExceptionHandlers)
            yield return handler.CatchType;
        foreach (var reference in method.Body.Instructions.SelectMany(Operand))
            yield return reference;
    }

    private static IEnumerable<TypeReference?> Operand(Instruction instruction) => instruction.Operand switch
    {
        TypeReference type => [type],
        FieldReference field => [field.DeclaringType, field.FieldType],
        MethodReference method => Signature(method),
        _ => [],
    };

    private static IEnumerable<TypeReference?> Signature(MethodReference method) =>
    [
        method.DeclaringType,
        method.ReturnType,
        .. method.Parameters.Select(p => p.ParameterType),
        .. method is GenericInstanceMethod generic ? generic.GenericArguments : [],
    ];

    private static IEnumerable<TypeReference?> Attributes(ICustomAttributeProvider provider) =>
        provider.CustomAttributes.Select(a => a.AttributeType);

    // A list of X is a use of X.
    private static IEnumerable<TypeReference> Parts(TypeReference type) => type switch
    {
        GenericInstanceType generic => generic.GenericArguments.SelectMany(Parts).Append(generic.ElementType),
        FunctionPointerType pointer => pointer.Parameters.Select(p => p.ParameterType).Append(pointer.ReturnType).SelectMany(Parts),
        TypeSpecification of => Parts(of.ElementType),
        GenericParameter => [],
        _ => [type],
    };
}
