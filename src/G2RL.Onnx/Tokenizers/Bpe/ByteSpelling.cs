namespace G2RL.Onnx.Tokenizers.Bpe;

/// <summary>
/// The spelling of bytes as visible characters that byte-level BPE uses: printable Latin-1 as itself, the other bytes from U+0100 on.
/// </summary>
/// <remarks>
/// Source: the table of GPT-2's tokenizer (Radford et al. 2019): 188 bytes stand for themselves, the other 68 follow in order.
/// </remarks>
internal static class ByteSpelling
{
    private static readonly char[] Characters = Build();
    private static readonly short[] Bytes = Invert(Characters);

    /// <summary>The character that spells a byte.</summary>
    public static char Spell(byte value) => Characters[value];

    /// <summary>The byte that a character spells, or -1.</summary>
    public static int Byte(char character) => character < Bytes.Length ? Bytes[character] : -1;

    private static char[] Build()
    {
        var characters = new char[256];
        var next = 256;
        for (var b = 0; b < 256; b++)
            characters[b] = b is (>= '!' and <= '~') or (>= 0xA1 and <= 0xAC) or (>= 0xAE and <= 0xFF) ? (char)b : (char)next++;
        return characters;
    }

    private static short[] Invert(char[] characters)
    {
        var bytes = new short[256 + 68];
        Array.Fill(bytes, (short)-1);
        for (var b = 0; b < 256; b++)
            bytes[characters[b]] = (short)b;
        return bytes;
    }
}
