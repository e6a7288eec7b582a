using Orleans.Placement;
using Orleans.Runtime.Placement;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>Puts a grain on the member that its key names; once that member is gone the grain is, too.</summary>
[GenerateSerializer, Immutable]
public sealed class OnSiloPlacement : PlacementStrategy;

/// <summary>Marks a grain that lives on the member that its key names.</summary>
[AttributeUsage(AttributeTargets.Class)]
public sealed class OnSiloAttribute() : PlacementAttribute(new OnSiloPlacement());

/// <summary>Decides it.</summary>
internal sealed class OnSiloDirector : IPlacementDirector
{
    public Task<SiloAddress> OnAddActivation(PlacementStrategy strategy, PlacementTarget target, IPlacementContext context)
    {
        var wanted = SiloAddress.FromParsableString(target.GrainIdentity.Key.ToString()!);
        return Array.IndexOf(context.GetCompatibleSilos(target), wanted) >= 0
            ? Task.FromResult(wanted)
            : throw new SiloUnavailableException($"{wanted} is not in the cluster.");
    }
}
