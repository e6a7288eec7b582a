namespace G2RL.Onnx.Tokenizers;

/// <summary>A piece of text on its way to tokens; merges never cross its ends.</summary>
/// <param name="Text">The text, not empty.</param>
/// <param name="First">Whether the whole text begins with it.</param>
internal readonly record struct Piece(string Text, bool First);
