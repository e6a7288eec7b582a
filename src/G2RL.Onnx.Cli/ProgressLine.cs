using System.Diagnostics;
using Spectre.Console;

namespace G2RL.Onnx.Cli;

/// <summary>Progress of long work: a live bar on a terminal, plain lines now and then elsewhere, nothing but rows under --json.</summary>
internal sealed class ProgressLine : IDisposable
{
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(10);

    private readonly bool live;
    private readonly bool silent;
    private readonly Lock gate = new();
    private long started = Stopwatch.GetTimestamp();
    private long lastPlain = Stopwatch.GetTimestamp();
    private double startedAt;
    private bool drawn;

    public ProgressLine(bool json)
    {
        silent = json;
        live = !json && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi;
    }

    /// <summary>Writes a line that stays.</summary>
    public void Line(string text)
    {
        lock (gate)
        {
            Erase();
            Console.WriteLine(text);
        }
    }

    /// <summary>Writes a warning to the error stream.</summary>
    public void Warning(string text)
    {
        lock (gate)
        {
            Erase();
            Console.Error.WriteLine($"warning: {text}");
        }
    }

    /// <summary>Measures from here: a share in [0, 1] of the work was done before, by another process.</summary>
    public void StartAt(double overall)
    {
        lock (gate)
            (started, startedAt) = (Stopwatch.GetTimestamp(), overall);
    }

    /// <summary>Shows how far a phase has come; <paramref name="overall"/> in [0, 1] gives the time left.</summary>
    public void Show(string phase, int done, int of, double overall)
    {
        if (silent)
            return;
        lock (gate)
        {
            var text = $"{overall:P0} {phase} {done}/{of}{Left(overall)}";
            if (live)
            {
                Erase();
                var filled = (int)(24 * Math.Clamp(overall, 0, 1));
                text = $"[{new string('#', filled)}{new string('.', 24 - filled)}] {text}";
                // A line that wraps could not be erased.
                Console.Write(text[..Math.Min(text.Length, Math.Max(1, AnsiConsole.Profile.Width - 1))]);
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

    private string Left(double overall)
    {
        var share = overall - startedAt;
        return share > 0.01 && overall < 1 ? $", about {Span(Stopwatch.GetElapsedTime(started) * ((1 - overall) / share))} left" : "";
    }

    private void Erase()
    {
        if (drawn)
            Console.Write("\r\x1b[K");
        drawn = false;
    }
}
