namespace G2RL.Onnx.Tokenizers;

/// <summary>Whether a tokenizer and a model's weights belong together, as far as their sizes tell.</summary>
public static class TokenizerFit
{
    /// <summary>Looks at the sizes.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="vocabulary">Rows of the model's embedding; more than the tokenizer has are padding.</param>
    /// <param name="folder">The model, for messages.</param>
    /// <param name="warn">Told where it is odd and not impossible.</param>
    /// <exception cref="InputException">Ordinary tokens lie outside the model's vocabulary: the tokenizer is another model's.</exception>
    public static void Require(Tokenizer tokenizer, int vocabulary, string folder, Action<string>? warn = null)
    {
        if (tokenizer.LargestOrdinaryId >= vocabulary)
            throw new InputException($"{folder}: the tokenizer has tokens up to {tokenizer.LargestOrdinaryId} and the model a vocabulary "
                + $"of {vocabulary}. Tokenizer and weights do not belong together; fetch both from the same model.");
        if (tokenizer.VocabularySize > vocabulary)
            warn?.Invoke($"{folder}: added tokens of the tokenizer go up to {tokenizer.VocabularySize - 1}, beyond the model's vocabulary "
                + $"of {vocabulary}; a text that holds one of them will be refused.");
        else if (tokenizer.VocabularySize < vocabulary / 2)
            warn?.Invoke($"{folder}: the tokenizer has {tokenizer.VocabularySize} tokens and the model a vocabulary of {vocabulary}: "
                + "less than half of it can be spelled. Is it this model's tokenizer?");
    }
}
