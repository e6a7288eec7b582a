namespace G2RL.Onnx.Cuda.Checks;

/// <summary>
/// How fast this card copies inside its own memory: the rate that a kernel which only moves bytes can be held against, whatever the card.
/// </summary>
public static class CopyRate
{
    /// <summary>Median of copies of one block to another, each counted as read and written.</summary>
    /// <param name="driver">The device.</param>
    /// <param name="bytes">Of the block; far above the card's cache.</param>
    /// <param name="repeats">Copies that are timed.</param>
    /// <returns>10^9 bytes a second, > 0.</returns>
    public static double Measure(ICudaDriver driver, long bytes = 1L << 28, int repeats = 9)
    {
        nint from = 0, to = 0, start = 0, end = 0;
        try
        {
            (from, to, start, end) = (driver.Allocate(bytes), driver.Allocate(bytes), driver.CreateEvent(), driver.CreateEvent());
            driver.Fill(from, 1, bytes);
            driver.CopyOnDevice(to, from, bytes);
            var milliseconds = new double[repeats];
            for (var i = 0; i < repeats; i++)
            {
                driver.Record(start);
                driver.CopyOnDevice(to, from, bytes);
                driver.Record(end);
                driver.Wait(end);
                milliseconds[i] = driver.Elapsed(start, end);
            }
            Array.Sort(milliseconds);
            // An event's clock has steps of half a microsecond.
            return 2.0 * bytes / Math.Max(milliseconds[repeats / 2], 5e-4) / 1e6;
        }
        finally
        {
            foreach (var used in new[] { start, end }.Where(e => e != 0))
                driver.FreeEvent(used);
            foreach (var used in new[] { from, to }.Where(p => p != 0))
                driver.Free(used);
        }
    }
}
