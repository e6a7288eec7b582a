// Two namespaces that use each other, for NamespaceTests to find.
namespace G2RL.Onnx.Tests.Structure.Planted.Chicken
{
    internal static class Hen
    {
        public static object Lays(IReadOnlyList<Egg.Shell> shells) => shells;
    }
}

namespace G2RL.Onnx.Tests.Structure.Planted.Egg
{
    internal sealed class Shell
    {
        public object Hatches { get; } = Chicken.Hen.Lays([]);
    }
}
