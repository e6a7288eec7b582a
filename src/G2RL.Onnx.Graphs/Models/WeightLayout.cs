namespace G2RL.Onnx.Models;

/// <summary>How a checkpoint stores the weights: their names, what is fused, and how matrices lie. No part of the mathematics.</summary>
public enum WeightLayout
{
    /// <summary>Llama's names; q, k, v and gate, up apart; matrices [out, in].</summary>
    Separate,

    /// <summary>
    /// Llama's names, but qkv_proj holds q, k, v and gate_up_proj holds gate, up, one below the other; matrices [out, in] (Phi-3).
    /// </summary>
    Fused,

    /// <summary>GPT-2's names; c_attn holds q, k, v side by side; matrices [in, out], as its Conv1D has them.</summary>
    Gpt2,
}
