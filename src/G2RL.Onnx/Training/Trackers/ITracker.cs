namespace G2RL.Onnx.Training.Trackers;

/// <summary>Where a run's numbers go besides its own logs.</summary>
internal interface ITracker
{
    /// <summary>
    /// Makes what is kept there that of the logs: rows of steps that the logs do not hold and torn ends go, rows that are missing come.
    /// </summary>
    /// <param name="rows">Every row of the logs, in order; of a kind and step there is one.</param>
    void Follow(IReadOnlyList<TrackedRow> rows);

    /// <summary>A row that the logs have just got.</summary>
    void Append(TrackedRow row);

    /// <summary>The run's work has ended for now.</summary>
    /// <param name="completed">Whether it did all its steps.</param>
    void End(bool completed);
}
