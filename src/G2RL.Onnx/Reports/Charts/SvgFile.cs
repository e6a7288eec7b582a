using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace G2RL.Onnx.Reports.Charts;

/// <summary>
/// Pictures of a page as files of their own: the page's light colours in place of its variables, on white, with a caption over each.
/// </summary>
internal static partial class SvgFile
{
    private const int Columns = 4;
    private const int Caption = 22;
    private const int Gap = 12;

    /// <summary>Pictures of equal size in rows of up to four.</summary>
    /// <param name="pictures">Caption and inline picture of each; at least one.</param>
    /// <param name="width">Width of one.</param>
    /// <param name="height">Height of one.</param>
    public static string Grid(IReadOnlyList<(string Caption, string Svg)> pictures, int width, int height)
    {
        var columns = Math.Min(Columns, pictures.Count);
        var (wide, high) = ((columns * (width + Gap)) + Gap, ((pictures.Count + columns - 1) / columns * (height + Caption + Gap)) + Gap);
        var parts = pictures.Select((p, i) =>
        {
            var (x, y) = (Gap + (i % columns * (width + Gap)), Gap + (i / columns * (height + Caption + Gap)));
            return string.Create(CultureInfo.InvariantCulture, $"<text x=\"{x + 4}\" y=\"{y + 15}\" font-size=\"14\" font-weight=\"600\" "
                + $"fill=\"#1b1f24\">{WebUtility.HtmlEncode(p.Caption)}</text>\n")
                + p.Svg.Replace("<svg ", string.Create(
                    CultureInfo.InvariantCulture,
                    $"<svg x=\"{x}\" y=\"{y + Caption}\" width=\"{width}\" height=\"{height}\" "), StringComparison.Ordinal) + "\n";
        });
        var colours = Colours();
        return $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {high}\" width=\"{wide}\" height=\"{high}\" "
            + "font-family=\"system-ui, sans-serif\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
            + Variable().Replace(string.Concat(parts), m => colours[m.Groups["name"].Value]) + "</svg>\n";
    }

    // The style sheet's first value of a colour is the light one.
    private static Dictionary<string, string> Colours() => Definition()
        .Matches(HtmlReport.Style())
        .GroupBy(m => m.Groups["name"].Value)
        .ToDictionary(g => g.Key, g => g.First().Groups["value"].Value, StringComparer.Ordinal);

    [GeneratedRegex(@"var\(--(?<name>[a-z0-9-]+)\)", RegexOptions.None, 1000)]
    private static partial Regex Variable();

    [GeneratedRegex(@"--(?<name>[a-z0-9-]+): (?<value>#[0-9a-f]{6})", RegexOptions.None, 1000)]
    private static partial Regex Definition();
}
