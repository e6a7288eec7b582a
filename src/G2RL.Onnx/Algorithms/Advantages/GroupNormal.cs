namespace G2RL.Onnx.Algorithms.Advantages;

/// <summary>
/// The paper's advantage over whole groups: population variance, epsilon inside the root; see <see cref="GroupAdvantage"/>.
/// </summary>
internal static class GroupNormal
{
    public static void Compute(AdvantageBatch batch, AdvantageSettings settings, Span<double> advantages)
    {
        foreach (var members in batch.Members)
        {
            var scored = members.Where(i => !double.IsNaN(batch.Rewards[i])).ToArray();
            var values = scored.Select(i => batch.Rewards[i]).ToArray();
            if (values.Length < 2)
                Array.Clear(values);
            else
                GroupAdvantage.Compute(values, settings.Epsilon, values);
            foreach (var i in members)
                advantages[i] = 0;
            foreach (var (i, value) in scored.Zip(values))
                advantages[i] = value;
        }
    }
}
