namespace G2RL.Onnx.Experiments.Runs;

/// <summary>How far a run is.</summary>
public enum RunState
{
    /// <summary>Not a step is done.</summary>
    Unbegun,

    /// <summary>Some steps are done, and no process is at work.</summary>
    Interrupted,

    /// <summary>A process holds the folder.</summary>
    AtWork,

    /// <summary>All steps are done and the model is written.</summary>
    Complete,
}
