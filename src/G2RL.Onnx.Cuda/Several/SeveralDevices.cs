using G2RL.Onnx.Configuration;
using G2RL.Onnx.Execution;
using G2RL.Onnx.Execution.Scoring;
using G2RL.Onnx.Models;
using G2RL.Onnx.Rollouts;
using G2RL.Onnx.Tokenizers;
using G2RL.Onnx.Training.Backends;
using G2RL.Onnx.Training.Optimizers;
using Microsoft.ML.OnnxRuntime;

namespace G2RL.Onnx.Cuda.Several;

/// <summary>
/// Devices of one machine. All of them hold the weights, draw and score; the first one updates, and hands its weights to the others through
/// the host before they are asked again. Work is dealt out by number and not to who is free, so that a run repeats.
/// </summary>
public sealed class SeveralDevices : IBackend
{
    private readonly CudaBackend[] devices;
    private readonly Lock gate = new();
    private readonly HashSet<Policy> changed = new(ReferenceEqualityComparer.Instance);

    /// <summary>Takes devices over.</summary>
    /// <param name="devices">Two or more, each another device; the first one updates.</param>
    /// <exception cref="ArgumentException">Fewer than two, one of them twice, or several precisions.</exception>
    public SeveralDevices(IReadOnlyList<CudaBackend> devices)
    {
        if (devices.Count < 2)
            throw new ArgumentException($"{devices.Count} devices; there must be at least 2.", nameof(devices));
        if (devices.GroupBy(d => d.Name, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"{twice.Key} is named {twice.Count()} times; each device can be named once.", nameof(devices));
        if (devices.FirstOrDefault(d => d.Settings.Precision != devices[0].Settings.Precision) is { } other)
            throw new ArgumentException($"{other.Name} computes in {other.Settings.Precision} and {devices[0].Name} in "
                + $"{devices[0].Settings.Precision}; all must in the same.", nameof(devices));
        this.devices = [.. devices];
    }

    /// <summary>The device that updates.</summary>
    public string Name => devices[0].Name;

    /// <inheritdoc/>
    public double Rounding => devices[0].Rounding;

    /// <summary>How many there are.</summary>
    internal int Count => devices.Length;

    /// <inheritdoc/>
    public IRolloutSource Rollouts(Policy policy, Tokenizer tokenizer, SamplerSettings settings) =>
        new SeveralRollouts(this, policy, tokenizer, settings);

    /// <inheritdoc/>
    public IScorer Scorer(DecoderSpec spec) => new SeveralScorers(this, spec);

    /// <inheritdoc/>
    public IFeatureProjector Features(DecoderSpec spec) => FeaturesOf(devices[0], spec);

    /// <inheritdoc/>
    public IPolicyOptimizer Optimizer(Policy policy, RunConfig config) =>
        new LeadingOptimizer(devices[0].Optimizer(policy, config), () => Changed(policy));

    /// <inheritdoc/>
    public void Fetch(Policy policy) => devices[0].Fetch(policy);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var device in devices)
            device.Dispose();
    }

    /// <summary>Feature projection of one device.</summary>
    internal static IFeatureProjector FeaturesOf(CudaBackend device, DecoderSpec spec) => ((IBackend)device).Features(spec);

    /// <summary>Makes something on every device, side by side; where one fails, what the others made is given back.</summary>
    internal T[] Make<T>(Func<CudaBackend, T> make) where T : class, IDisposable
    {
        var made = new T?[Count];
        try
        {
            Each((device, i, _) => made[i] = make(device), CancellationToken.None);
            return made!;
        }
        catch
        {
            foreach (var one in made)
                one?.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Works on every device, side by side, and returns when all have ended. The first fault stops the others at their next step.
    /// </summary>
    /// <param name="work">The work of a device, its place, and what stops it.</param>
    /// <param name="cancel">Stops all of them.</param>
    internal void Each(Action<CudaBackend, int, CancellationToken> work, CancellationToken cancel)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var faults = new Exception?[Count];
        Task.WaitAll([.. devices.Select((device, i) => Task.Factory.StartNew(
            () =>
            {
                try
                {
                    work(device, i, stop.Token);
                }
#pragma warning disable CA1031 // told below, with the device's name
                catch (Exception e)
                {
                    faults[i] = e;
                    stop.Cancel();
                }
#pragma warning restore CA1031
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))], CancellationToken.None);
        cancel.ThrowIfCancellationRequested();
        for (var i = 0; i < Count; i++)
            if (faults[i] is not (null or OperationCanceledException))
                throw Named(devices[i].Name, faults[i]!);
        if (Array.Find(faults, f => f is not null) is { } stopped)
            throw stopped;
    }

    /// <summary>Brings the weights of the devices that do not update up to date.</summary>
    internal void Follow(Policy policy)
    {
        lock (gate)
        {
            if (!changed.Contains(policy))
                return;
            devices[0].Fetch(policy);
            Each(
                (device, i, _) =>
                {
                    if (i > 0)
                        device.Invoke(() => device.Of(policy).Follow());
                },
                CancellationToken.None);
            changed.Remove(policy);
        }
    }

    private void Changed(Policy policy)
    {
        lock (gate)
            changed.Add(policy);
    }

    // Which of the devices it was is the first thing that one wants to know.
    private static Exception Named(string device, Exception fault) =>
        fault.Message.Contains(device, StringComparison.Ordinal) ? fault : fault switch
        {
            NonFiniteException => new NonFiniteException($"{device}: {fault.Message}", fault),
            CudaMemoryException => new CudaMemoryException($"{device}: {fault.Message}", fault),
            CudaException or OnnxRuntimeException => new CudaException($"{device}: {fault.Message}", fault),
            _ => fault,
        };
}
