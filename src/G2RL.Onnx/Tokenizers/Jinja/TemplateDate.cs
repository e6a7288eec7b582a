using System.Globalization;
using System.Text;

namespace G2RL.Onnx.Tokenizers.Jinja;

/// <summary>A fixed date as Python's <c>strftime</c> writes it in the C locale.</summary>
internal static class TemplateDate
{
    private static readonly string[] Forms =
        ["yyyy-MM-dd", "yyyy-MM-dd'T'HH:mm", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd HH:mm", "yyyy-MM-dd HH:mm:ss"];

    /// <summary>Reads 2024-07-26 or 2024-07-26T12:00:00.</summary>
    public static bool TryParse(string text, out DateTime date) =>
        DateTime.TryParseExact(text, Forms, CultureInfo.InvariantCulture, DateTimeStyles.None, out date);

    /// <summary>The date in a format such as <c>%d %b %Y</c>.</summary>
    /// <exception cref="InputException">A directive that is not implemented.</exception>
    public static string Format(DateTime date, string format)
    {
        var text = new StringBuilder(format.Length * 2);
        for (var at = 0; at < format.Length; at++)
        {
            if (format[at] != '%')
            {
                text.Append(format[at]);
                continue;
            }
            // GNU's "no padding".
            var bare = at + 1 < format.Length && format[at + 1] == '-';
            at += bare ? 2 : 1;
            var directive = at < format.Length ? format[at] : '\0';
            var written = Written(date, directive) ?? throw new InputException(
                $"The chat template writes the date as '{format}'; of strftime's directives %{directive} is not implemented.");
            text.Append(bare && written.TrimStart('0', ' ') is var trimmed ? trimmed.Length > 0 ? trimmed : "0" : written);
        }
        return text.ToString();
    }

    private static string? Written(DateTime date, char directive) => directive switch
    {
        'a' => Net(date, "ddd"),
        'A' => Net(date, "dddd"),
        'b' or 'h' => Net(date, "MMM"),
        'B' => Net(date, "MMMM"),
        'c' => Format(date, "%a %b %e %H:%M:%S %Y"),
        'C' => (date.Year / 100).ToString("00", CultureInfo.InvariantCulture),
        'd' => Net(date, "dd"),
        'D' or 'x' => Net(date, "MM'/'dd'/'yy"),
        'e' => date.Day.ToString(CultureInfo.InvariantCulture).PadLeft(2),
        'f' => Net(date, "ffffff"),
        'F' => Net(date, "yyyy-MM-dd"),
        'H' => Net(date, "HH"),
        'I' => Net(date, "hh"),
        'j' => date.DayOfYear.ToString("000", CultureInfo.InvariantCulture),
        'm' => Net(date, "MM"),
        'M' => Net(date, "mm"),
        'n' => "\n",
        'p' => date.Hour < 12 ? "AM" : "PM",
        'r' => Format(date, "%I:%M:%S %p"),
        'R' => Net(date, "HH':'mm"),
        'S' => Net(date, "ss"),
        't' => "\t",
        'T' or 'X' => Net(date, "HH':'mm':'ss"),
        'u' => (((int)date.DayOfWeek + 6) % 7 + 1).ToString(CultureInfo.InvariantCulture),
        'U' => Week(date, DayOfWeek.Sunday),
        'V' => ISOWeek.GetWeekOfYear(date).ToString("00", CultureInfo.InvariantCulture),
        'w' => ((int)date.DayOfWeek).ToString(CultureInfo.InvariantCulture),
        'W' => Week(date, DayOfWeek.Monday),
        'y' => Net(date, "yy"),
        'Y' => date.Year.ToString(CultureInfo.InvariantCulture),
        'G' => ISOWeek.GetYear(date).ToString(CultureInfo.InvariantCulture),
        // The reference's date has no time zone.
        'z' or 'Z' => "",
        '%' => "%",
        _ => null,
    };

    // Days before the year's first such day are week 0.
    private static string Week(DateTime date, DayOfWeek first)
    {
        var sinceFirst = ((int)date.DayOfWeek - (int)first + 7) % 7;
        return ((date.DayOfYear - 1 - sinceFirst + 7) / 7).ToString("00", CultureInfo.InvariantCulture);
    }

    private static string Net(DateTime date, string format) => date.ToString(format, CultureInfo.InvariantCulture);
}
