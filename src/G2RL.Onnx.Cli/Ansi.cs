namespace G2RL.Onnx.Cli;

/// <summary>Colours of a terminal; written only where there is one.</summary>
internal static class Ansi
{
    public const string Plain = "\x1b[0m";
    public const string Bold = "\x1b[1m";
    public const string Green = "\x1b[32m";
    public const string Yellow = "\x1b[33m";
    public const string Cyan = "\x1b[36m";
}
