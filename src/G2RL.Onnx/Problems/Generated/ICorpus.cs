namespace G2RL.Onnx.Problems.Generated;

/// <summary>An endless text to pretrain on: prompts of a problem set, each with a solution written out.</summary>
public interface ICorpus
{
    /// <summary>Every character that occurs, for a character tokenizer.</summary>
    string Characters { get; }

    /// <summary>Text number <paramref name="index"/>, a pure function of (seed, index). Never a held-out problem.</summary>
    (string Prompt, string Solution) Example(ulong seed, long index);
}
