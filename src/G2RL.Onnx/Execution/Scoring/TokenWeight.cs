namespace G2RL.Onnx.Execution.Scoring;

/// <summary>Weight a_t >= 0 of a token in its rollout's gradient feature.</summary>
/// <param name="entropy">Entropy of the distribution that the token was drawn from, nats.</param>
/// <param name="index">Its place in the response, from 0.</param>
/// <param name="length">Tokens of the response.</param>
public delegate float TokenWeight(float entropy, int index, int length);
