using System.Collections.Frozen;

namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>What commands and words mean.</summary>
internal static class Vocabulary
{
    /// <summary>Commands and characters that are marks.</summary>
    public static readonly FrozenDictionary<string, char> Mark = new Dictionary<string, char>
    {
        ["cdot"] = '*',
        ["times"] = '*',
        ["ast"] = '*',
        ["div"] = '/',
        ["pm"] = '±',
        ["mp"] = '∓',
        ["le"] = '≤',
        ["leq"] = '≤',
        ["leqslant"] = '≤',
        ["leqq"] = '≤',
        ["ge"] = '≥',
        ["geq"] = '≥',
        ["geqslant"] = '≥',
        ["geqq"] = '≥',
        ["lt"] = '<',
        ["gt"] = '>',
        ["ne"] = '≠',
        ["neq"] = '≠',
        ["approx"] = '≈',
        ["thickapprox"] = '≈',
        ["simeq"] = '≈',
        ["sim"] = '≈',
        ["doteq"] = '≈',
        ["equiv"] = '≡',
        ["cong"] = '≈',
        ["in"] = '∈',
        ["notin"] = '∉',
        ["subset"] = '⊂',
        ["subseteq"] = '⊆',
        ["cup"] = '∪',
        ["bigcup"] = '∪',
        ["cap"] = '∩',
        ["bigcap"] = '∩',
        ["setminus"] = '∖',
        ["backslash"] = '∖',
        ["{"] = Marks.OpenSet,
        ["lbrace"] = Marks.OpenSet,
        ["}"] = Marks.CloseSet,
        ["rbrace"] = Marks.CloseSet,
        ["lfloor"] = '⌊',
        ["rfloor"] = '⌋',
        ["lceil"] = '⌈',
        ["rceil"] = '⌉',
        ["langle"] = '(',
        ["rangle"] = ')',
        ["lvert"] = Marks.OpenBar,
        ["rvert"] = Marks.CloseBar,
        ["vert"] = '|',
        ["lVert"] = '∥',
        ["rVert"] = '∥',
        ["|"] = '∥',
        ["Vert"] = '∥',
        ["mid"] = Marks.Such,
        ["colon"] = ':',
        ["lbrack"] = '[',
        ["rbrack"] = ']',
        ["lparen"] = '(',
        ["rparen"] = ')',
        ["circ"] = Marks.Degree,
        ["degree"] = Marks.Degree,
        ["prime"] = '\'',
        ["%"] = '%',
        ["land"] = Marks.And,
        ["wedge"] = Marks.And,
        ["lor"] = Marks.Or,
        ["vee"] = Marks.Or,
        ["to"] = '→',
        ["rightarrow"] = '→',
        ["Rightarrow"] = '→',
        ["implies"] = '→',
        ["_"] = '_',
        ["&"] = '&',
        ["$"] = Marks.Money,
    }.ToFrozenDictionary();

    /// <summary>Characters beyond ASCII that are marks.</summary>
    public static readonly FrozenDictionary<char, char> Unicode = new Dictionary<char, char>
    {
        ['−'] = '-',
        ['–'] = '-',
        ['—'] = '-',
        ['‐'] = '-',
        ['‑'] = '-',
        ['﹣'] = '-',
        ['－'] = '-',
        ['×'] = '*',
        ['·'] = '*',
        ['⋅'] = '*',
        ['∙'] = '*',
        ['∗'] = '*',
        ['÷'] = '/',
        ['⁄'] = '/',
        ['∕'] = '/',
        ['±'] = '±',
        ['∓'] = '∓',
        ['≤'] = '≤',
        ['⩽'] = '≤',
        ['≦'] = '≤',
        ['≥'] = '≥',
        ['⩾'] = '≥',
        ['≧'] = '≥',
        ['≠'] = '≠',
        ['≈'] = '≈',
        ['≃'] = '≈',
        ['≅'] = '≈',
        ['≡'] = '≡',
        ['∈'] = '∈',
        ['∉'] = '∉',
        ['⊂'] = '⊂',
        ['⊆'] = '⊆',
        ['∪'] = '∪',
        ['∩'] = '∩',
        ['∖'] = '∖',
        ['°'] = '°',
        ['º'] = '°',
        ['˚'] = '°',
        ['′'] = '\'',
        ['’'] = '\'',
        ['⌊'] = '⌊',
        ['⌋'] = '⌋',
        ['⌈'] = '⌈',
        ['⌉'] = '⌉',
        ['⟨'] = '(',
        ['⟩'] = ')',
        ['〈'] = '(',
        ['〉'] = ')',
        ['（'] = '(',
        ['）'] = ')',
        ['［'] = '[',
        ['］'] = ']',
        ['｛'] = Marks.OpenSet,
        ['｝'] = Marks.CloseSet,
        ['，'] = ',',
        ['、'] = ',',
        ['；'] = ';',
        ['：'] = ':',
        ['％'] = '%',
        ['＝'] = '=',
        ['＋'] = '+',
        ['＜'] = '<',
        ['＞'] = '>',
        ['→'] = '→',
        ['⇒'] = '→',
        ['∣'] = Marks.Such,
        ['∧'] = Marks.And,
        ['∨'] = Marks.Or,
    }.ToFrozenDictionary();

    /// <summary>Characters that are symbols.</summary>
    public static readonly FrozenDictionary<char, string> Letters = new Dictionary<char, string>
    {
        ['π'] = "pi",
        ['∞'] = "infty",
        ['∅'] = "emptyset",
        ['ℝ'] = "reals",
        ['ℤ'] = "Z",
        ['ℕ'] = "N",
        ['ℚ'] = "Q",
        ['ℂ'] = "C",
        ['α'] = "alpha",
        ['β'] = "beta",
        ['γ'] = "gamma",
        ['δ'] = "delta",
        ['θ'] = "theta",
        ['λ'] = "lambda",
        ['μ'] = "mu",
        ['φ'] = "phi",
        ['ϕ'] = "phi",
        ['ω'] = "omega",
        ['σ'] = "sigma",
        ['…'] = "ldots",
    }.ToFrozenDictionary();

    /// <summary>Fractions that are one character.</summary>
    public static readonly FrozenDictionary<char, (int Above, int Below)> Fractions = new Dictionary<char, (int, int)>
    {
        ['½'] = (1, 2),
        ['⅓'] = (1, 3),
        ['⅔'] = (2, 3),
        ['¼'] = (1, 4),
        ['¾'] = (3, 4),
        ['⅕'] = (1, 5),
        ['⅖'] = (2, 5),
        ['⅗'] = (3, 5),
        ['⅘'] = (4, 5),
        ['⅙'] = (1, 6),
        ['⅚'] = (5, 6),
        ['⅛'] = (1, 8),
        ['⅜'] = (3, 8),
        ['⅝'] = (5, 8),
        ['⅞'] = (7, 8),
    }.ToFrozenDictionary();

    /// <summary>Functions of one argument; a bare word of that name is one, too, when it has three letters or is ln, lg.</summary>
    public static readonly FrozenDictionary<string, string> Function = new Dictionary<string, string>
    {
        ["sin"] = "sin",
        ["cos"] = "cos",
        ["tan"] = "tan",
        ["cot"] = "cot",
        ["sec"] = "sec",
        ["csc"] = "csc",
        ["tg"] = "tan",
        ["ctg"] = "cot",
        ["cosec"] = "csc",
        ["arcsin"] = "arcsin",
        ["arccos"] = "arccos",
        ["arctan"] = "arctan",
        ["asin"] = "arcsin",
        ["acos"] = "arccos",
        ["atan"] = "arctan",
        ["arctg"] = "arctan",
        ["sinh"] = "sinh",
        ["cosh"] = "cosh",
        ["tanh"] = "tanh",
        ["ln"] = "ln",
        ["log"] = "log",
        ["lg"] = "lg",
        ["exp"] = "exp",
        ["det"] = "det",
        ["gcd"] = "gcd",
        ["lcm"] = "lcm",
        ["max"] = "max",
        ["min"] = "min",
        ["cis"] = "cis",
        ["abs"] = "abs",
        ["floor"] = "floor",
        ["ceil"] = "ceil",
        ["arg"] = "arg",
        ["Re"] = "Re",
        ["Im"] = "Im",
    }.ToFrozenDictionary();

    /// <summary>Commands with arguments.</summary>
    public static readonly FrozenDictionary<string, string> Structure = new Dictionary<string, string>
    {
        ["frac"] = "frac",
        ["dfrac"] = "frac",
        ["tfrac"] = "frac",
        ["cfrac"] = "frac",
        ["sfrac"] = "frac",
        ["nicefrac"] = "frac",
        ["sqrt"] = "sqrt",
        ["surd"] = "sqrt",
        ["binom"] = "binom",
        ["dbinom"] = "binom",
        ["tbinom"] = "binom",
        ["overline"] = "overline",
        ["bar"] = "overline",
        ["vec"] = "vec",
        ["overrightarrow"] = "vec",
        ["hat"] = "hat",
        ["widehat"] = "hat",
        ["tilde"] = "hat",
        ["dot"] = "hat",
        ["overarc"] = "hat",
        ["pmod"] = "pmod",
        ["pod"] = "pmod",
        ["choose"] = "choose",
        ["over"] = "over",
    }.ToFrozenDictionary();

    /// <summary>Commands whose argument is prose.</summary>
    public static readonly FrozenSet<string> Prose = new[]
    {
        "text", "textbf", "textit", "textnormal", "textrm", "textsf", "texttt", "textup", "textsc", "mbox", "hbox", "mathrm", "mathsf",
        "operatorname", "emph", "mathop",
    }.ToFrozenSet();

    /// <summary>Commands that change only the look of their argument, or of what follows.</summary>
    public static readonly FrozenSet<string> Transparent = new[]
    {
        "boxed", "fbox", "mathbf", "boldsymbol", "bm", "mathit", "mathcal", "mathfrak", "mathscr", "mathtt", "underline", "displaystyle",
        "textstyle", "scriptstyle", "limits",
        "nolimits", "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "bigg", "Bigg", "biggl", "biggr", "Biggl", "Biggr",
        "middle", "quad", "qquad", "enspace",
        "thinspace", "hfill", "rm", "bf", "it", "sf", "tt", "ensuremath", "mathstrut", "nonumber", "notag", "hline", "allowbreak", "smash",
        "mathbin", "mathrel", "mathord",
        "negthinspace", "medspace", "thickspace", "par", "newline", "linebreak", "therefore", "small", "large", "Large",
    }.ToFrozenSet();

    /// <summary>Commands whose argument has no meaning.</summary>
    public static readonly FrozenSet<string> Dropped = new[] { "hspace", "vspace", "phantom", "hphantom", "vphantom", "label", "tag",
    "color", "kern", "rule", "cline" }.ToFrozenSet();

    /// <summary>Words of ordinary text with a meaning of their own.</summary>
    public static readonly FrozenDictionary<string, char> Word = new Dictionary<string, char>
    {
        ["and"] = Marks.And,
        ["or"] = Marks.Or,
        ["percent"] = '%',
        ["pct"] = '%',
        ["percentage"] = '%',
        ["degrees"] = '°',
        ["degree"] = '°',
        ["deg"] = '°',
    }.ToFrozenDictionary();

    /// <summary>Words that say nothing about the value.</summary>
    public static readonly FrozenSet<string> Filler = new[] { "approximately", "about", "approx", "exactly", "roughly", "usd", "rs", "inr",
    "eur", "gbp" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Words for symbols.</summary>
    public static readonly FrozenDictionary<string, string> WordSymbol = new Dictionary<string, string>
    {
        ["pi"] = "pi",
        ["infty"] = "infty",
        ["infinity"] = "infty",
        ["inf"] = "infty",
        ["oo"] = "infty",
        ["theta"] = "theta",
        ["alpha"] = "alpha",
        ["beta"] = "beta",
    }.ToFrozenDictionary();

    /// <summary>Names of commands that are symbols by another name.</summary>
    public static readonly FrozenDictionary<string, string> SameSymbol = new Dictionary<string, string>
    {
        ["varnothing"] = "emptyset",
        ["empty"] = "emptyset",
        ["varphi"] = "phi",
        ["vartheta"] = "theta",
        ["varepsilon"] = "epsilon",
        ["dots"] = "ldots",
        ["cdots"] = "ldots",
        ["dotsc"] = "ldots",
        ["dotsb"] = "ldots",
        ["imath"] = "i",
        ["R"] = "reals",
        ["infinity"] = "infty",
    }.ToFrozenDictionary();

    /// <summary>Environments that are matrices.</summary>
    public static readonly FrozenSet<string> Matrix = new[] { "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "matrix",
    "smallmatrix", "array" }.ToFrozenSet();

    /// <summary>Other commands that stand for themselves; known so that "\quadx" is told from "\theta".</summary>
    private static readonly FrozenSet<string> Symbols = new[]
    {
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi", "pi", "rho",
        "sigma", "tau", "upsilon", "phi", "chi", "psi",
        "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega", "infty", "emptyset", "ell", "hbar",
        "angle", "triangle", "square", "perp", "parallel",
        "ldots", "sum", "prod", "int", "lim", "partial", "nabla", "forall", "exists", "begin", "end", "mathbb", "bmod", "mod", "star",
        "bullet", "dagger",
    }.ToFrozenSet();

    /// <summary>Digits, points and slashes of full width as ASCII has them.</summary>
    public static string Halfwidth(string text) => text.AsSpan().IndexOfAnyInRange('\uFF0E', '\uFF19') < 0
        ? text
        : string.Create(text.Length, text, (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
                to[i] = from[i] is >= '\uFF0E' and <= '\uFF19' ? (char)(from[i] - 0xFEE0) : from[i];
        });

    /// <summary>Words behind a number that multiply it.</summary>
    public static readonly FrozenDictionary<string, long> Multiplier = new Dictionary<string, long>
    {
        ["dozen"] = 12,
        ["hundred"] = 100,
        ["thousand"] = 1_000,
        ["million"] = 1_000_000,
        ["billion"] = 1_000_000_000,
        ["trillion"] = 1_000_000_000_000,
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// Words that make something else of a number than so many of something: behind them it is not read as a value.
    /// </summary>
    public static readonly FrozenSet<string> NoUnit = new[]
    {
        "not", "no", "never", "is", "isn't", "are", "aren't", "was", "were", "be", "cannot", "can't", "wrong", "incorrect", "false", "if",
        "unless", "except", "than", "to", "between", "but", "neither", "nor", "maybe", "perhaps", "through", "until", "plus", "minus",
        "times", "below", "when", "where", "halves", "thirds", "fifths", "sixths", "eighths", "tenths", "hundredths",
        "thousandths",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Words that do so when they stand first.</summary>
    public static readonly FrozenSet<string> NoFirst =
        new[] { "squared", "cubed", "factorial", "choose", "mod", "modulo" }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether a command has a meaning here.</summary>
    public static bool IsKnown(string name) =>
        Mark.ContainsKey(name) || Function.ContainsKey(name) || Structure.ContainsKey(name) || Prose.Contains(name)
        || Transparent.Contains(name) || Dropped.Contains(name) || SameSymbol.ContainsKey(name) || Symbols.Contains(name);
}
