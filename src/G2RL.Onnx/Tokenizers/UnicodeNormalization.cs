namespace G2RL.Onnx.Tokenizers;

internal static class UnicodeNormalization
{
    public static string ToNfc(string text) => text.Normalize();
}
