using System.Diagnostics;
using Spectre.Console;

namespace G2RL.Onnx.Cli;

/// <summary>Progress of long work: a live bar on a terminal, plain lines now and then elsewhere, nothing but rows under --json.</summary>
internal sealed class ProgressLine : IDisposable
{
    private const int Bar = 20;
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    private readonly bool live;
    private readonly bool silent;
    private readonly Lock gate = new();
    private readonly TimeLeft left = new();
    private long lastPlain = Stopwatch.GetTimestamp();
    private bool drawn;

    public ProgressLine(bool json)
    {
        silent = json;
        live = !json && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;
    }

    /// <summary>Writes a line that stays; on a terminal long ones are broken between words, the rest indented.</summary>
    public void Line(string text, string colour = "")
    {
        lock (gate)
        {
            Erase();
            foreach (var line in live ? Wrapped(text, AnsiConsole.Profile.Width) : [text])
                Console.WriteLine(live && colour.Length > 0 ? $"{colour}{line}{Ansi.Plain}" : line);
        }
    }

    /// <summary>Writes a warning to the error stream.</summary>
    public void Warning(string text)
    {
        lock (gate)
        {
            Erase();
            var colours = live && !Console.IsErrorRedirected;
            Console.Error.WriteLine($"{(colours ? Ansi.Yellow : "")}warning:{(colours ? Ansi.Plain : "")} {text}");
        }
    }

    /// <summary>Measures from here: a share in [0, 1] of the work was done before, by another process.</summary>
    public void StartAt(double overall)
    {
        lock (gate)
            left.StartAt(overall, Stopwatch.GetTimestamp());
    }

    /// <summary>Shows how far a phase has come; <paramref name="overall"/> in [0, 1] gives the time left.</summary>
    public void Show(string phase, int done, int of, double overall)
    {
        if (silent)
            return;
        lock (gate)
        {
            var span = left.At(overall, Stopwatch.GetTimestamp());
            var text = $"{overall:P0} {phase} {done}/{of}{(span is { } time ? $", about {Span(time)} left" : "")}";
            if (live)
            {
                Erase();
                Console.Write(Drawn(text, overall, AnsiConsole.Profile.Width));
                drawn = true;
            }
            else if (Stopwatch.GetElapsedTime(lastPlain) > PlainInterval)
            {
                lastPlain = Stopwatch.GetTimestamp();
                Console.WriteLine(text);
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
            Erase();
    }

    public static string Span(TimeSpan time) => time.TotalHours >= 1
        ? $"{time.TotalHours:0.0} h"
        : time.TotalMinutes >= 1 ? $"{(int)time.TotalMinutes} min {time.Seconds} s"
        : $"{time.TotalSeconds:0} s";

    // A line that wraps could not be erased: the bar goes first, then the end of the text.
    internal static string Drawn(string text, double overall, int width)
    {
        var room = Math.Max(1, width - 1);
        if (text.Length + Bar + 3 > room)
            return text[..Math.Min(text.Length, room)];
        var filled = (int)(Bar * Math.Clamp(overall, 0, 1));
        return $"[{Ansi.Green}{new string('#', filled)}{Ansi.Plain}{new string('.', Bar - filled)}] {text}";
    }

    // Between words; what is longer than a line stays whole, for it is a path.
    internal static IEnumerable<string> Wrapped(string text, int width)
    {
        var line = "";
        foreach (var word in text.Split(' '))
            if (line.Trim().Length > 0 && line.Length + 1 + word.Length > width)
            {
                yield return line;
                line = "    " + word;
            }
            else
                line = line.Length == 0 ? word : $"{line} {word}";
        yield return line;
    }

    private void Erase()
    {
        if (drawn)
            Console.Write("\r\x1b[K");
        drawn = false;
    }
}
