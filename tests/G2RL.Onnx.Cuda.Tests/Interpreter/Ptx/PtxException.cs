namespace G2RL.Onnx.Cuda.Tests.Interpreter;

/// <summary>A kernel did what a device would not survive, or would survive with wrong numbers; or its text is not understood.</summary>
public sealed class PtxException(string message) : Exception(message);
