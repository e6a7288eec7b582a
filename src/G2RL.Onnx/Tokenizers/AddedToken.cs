namespace G2RL.Onnx.Tokenizers;

/// <summary>
/// A token that is found in the text before anything else is done to it, as tokenizer.json's <c>added_tokens</c> lists it.
/// </summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text that stands for it, not empty.</param>
/// <param name="LeftStrip">Whether it swallows the white space before it.</param>
/// <param name="RightStrip">Whether it swallows the white space behind it.</param>
/// <param name="Normalized">Whether it is looked for in the normalized text (and in normalized form).</param>
/// <param name="Special">Whether decoding may leave it out.</param>
internal sealed record AddedToken(int Id, string Content, bool LeftStrip, bool RightStrip, bool Normalized, bool Special);
