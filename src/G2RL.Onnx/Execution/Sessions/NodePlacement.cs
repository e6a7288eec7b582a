using G2RL.Onnx.Execution.Native;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Execution.Sessions;

/// <summary>Which execution provider a node of a session runs on, as ONNX Runtime itself tells.</summary>
/// <param name="Provider">CPUExecutionProvider, CUDAExecutionProvider, ...</param>
/// <param name="Domain">The operator's domain; "" is ONNX's own.</param>
/// <param name="Operator">The operator.</param>
/// <param name="Name">The node's name.</param>
internal readonly record struct NodePlacement(string Provider, string Domain, string Operator, string Name)
{
    /// <summary>The host's provider.</summary>
    public const string Cpu = "CPUExecutionProvider";

    /// <summary>NVIDIA's.</summary>
    public const string Cuda = "CUDAExecutionProvider";

    /// <summary>The session option without which ONNX Runtime does not remember.</summary>
    public const string SessionOption = "session.record_ep_graph_assignment_info";

    /// <summary>
    /// Every node of a session that was made with <see cref="SessionOption"/> set to 1, as it is after the first simplifications of the
    /// graph.
    /// </summary>
    /// <exception cref="InvalidOperationException">The option was not set.</exception>
    public static unsafe NodePlacement[] Of(InferenceSession session)
    {
        nint* subgraphs;
        nuint count;
        OrtFunctions.Check(((delegate* unmanaged<nint, nint**, nuint*, nint>)OrtFunctions.At(
            OrtFunctions.Session_GetEpGraphAssignmentInfo))(OrtFunctions.Handle(session), &subgraphs, &count));
        var placements = new List<NodePlacement>();
        for (nuint i = 0; i < count; i++)
        {
            var provider = Ask(OrtFunctions.EpAssignedSubgraph_GetEpName, subgraphs[i]);
            nint* nodes;
            nuint length;
            OrtFunctions.Check(((delegate* unmanaged<nint, nint**, nuint*, nint>)OrtFunctions.At(OrtFunctions.EpAssignedSubgraph_GetNodes))(
                subgraphs[i],
                &nodes,
                &length));
            for (nuint k = 0; k < length; k++)
                placements.Add(new(
                    provider,
                    Ask(OrtFunctions.EpAssignedNode_GetDomain, nodes[k]),
                    Ask(OrtFunctions.EpAssignedNode_GetOperatorType, nodes[k]),
                    Ask(OrtFunctions.EpAssignedNode_GetName, nodes[k])));
        }
        GC.KeepAlive(session);
        return [.. placements];
    }

    private static unsafe string Ask(int place, nint of)
    {
        byte* text;
        OrtFunctions.Check(((delegate* unmanaged<nint, byte**, nint>)OrtFunctions.At(place))(of, &text));
        return OrtFunctions.Text(text);
    }
}
