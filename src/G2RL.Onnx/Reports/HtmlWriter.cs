using System.Net;
using System.Text;

namespace G2RL.Onnx.Reports;

/// <summary>
/// Writes HTML in which every text is escaped; only <see cref="Raw"/> is not, and it is given nothing but this project's own markup.
/// </summary>
internal sealed class HtmlWriter
{
    private readonly StringBuilder html = new();

    /// <summary>Opens an element; disposing what it returns closes it.</summary>
    public Scope Open(string tag, string? css = null, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        html.Append('<').Append(tag);
        if (css is not null)
            html.Append(" class=\"").Append(css).Append('"');
        foreach (var (name, value) in attributes)
            html.Append(' ').Append(name).Append("=\"").Append(WebUtility.HtmlEncode(value)).Append('"');
        html.Append('>');
        return new(this, tag);
    }

    /// <summary>A place that is scrolled sideways where it is too wide, by keys, too.</summary>
    /// <param name="label">What a screen reader calls it.</param>
    public Scope Scroll(string label) => Open("div", "scroll", ("tabindex", "0"), ("role", "group"), ("aria-label", label));

    /// <summary>An element that holds a text.</summary>
    public void Leaf(string tag, string text, string? css = null)
    {
        using (Open(tag, css))
            Text(text);
    }

    /// <summary>Text of the report.</summary>
    public void Text(string text) => html.Append(WebUtility.HtmlEncode(text));

    /// <summary>
    /// Text that a model, a data file or a reward function wrote: hostile. Control characters and those that turn the writing direction are
    /// shown, not obeyed, and what is very long is cut with a word on how much.
    /// </summary>
    public void Foreign(string text, int limit)
    {
        var shown = text.Length > limit ? text[..(limit - (char.IsHighSurrogate(text[limit - 1]) ? 1 : 0))] : text;
        html.Append(WebUtility.HtmlEncode(Visible(shown)));
        if (shown.Length < text.Length)
            Leaf("i", $" … {Format.Count(text.Length - shown.Length)} more characters");
    }

    /// <summary>Markup of our own making.</summary>
    public void Raw(string markup) => html.Append(markup);

    /// <summary>A line break in the source, for those who read it.</summary>
    public void Line() => html.Append('\n');

    /// <inheritdoc/>
    public override string ToString() => html.ToString();

    private static string Visible(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var c in text)
            _ = c switch
            {
                '\n' => result.Append(c),
                < ' ' => result.Append((char)(0x2400 + c)),
                '\u007f' => result.Append('\u2421'),
                >= '\u0080' and <= '\u009f' or '\u061c' or >= '\u200b' and <= '\u200f' or >= '\u2028' and <= '\u202e'
                    or >= '\u2060' and <= '\u206f' or '\ufeff' or >= '\ufff0' and <= '\ufffb' =>
                    result.Append("\u27e8U+").Append(((int)c).ToString("X4")).Append('\u27e9'),
                _ => result.Append(c),
            };
        return result.ToString();
    }

    /// <summary>An open element.</summary>
    public readonly ref struct Scope(HtmlWriter writer, string tag)
    {
        /// <summary>Closes it.</summary>
        public void Dispose()
        {
            writer.html.Append("</").Append(tag).Append('>');
            if (tag is not ("span" or "b" or "i" or "td" or "th" or "small"))
                writer.Line();
        }
    }
}
