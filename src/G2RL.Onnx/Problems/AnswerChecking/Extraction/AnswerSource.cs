namespace G2RL.Onnx.Problems.AnswerChecking;

/// <summary>A place in a completion where an answer may stand. A policy tries its sources in order.</summary>
public enum AnswerSource
{
    /// <summary>The last <c>\boxed{...}</c>, nested braces included, or <c>\boxed 5</c>.</summary>
    Box,

    /// <summary>The last run of boxes with nothing between them but commas, "and", "or" and names: <c>\boxed{1} and \boxed{2}</c> is 1,
    /// 2.</summary>
    Boxes,

    /// <summary>The last run of boxes, or what follows the last "final answer is" when that stands behind it.</summary>
    Stated,

    /// <summary>What follows the last <c>####</c>, up to the end of the line.</summary>
    Marker,

    /// <summary>What follows the last "final answer".</summary>
    FinalAnswer,

    /// <summary>What follows the last "answer is" or "answer:".</summary>
    AnswerIs,

    /// <summary>The content of the last <c>&lt;answer&gt;</c> tag.</summary>
    Tag,

    /// <summary>The whole text when it is a value and not prose.</summary>
    Bare,

    /// <summary>The last formula, or run of formulas with "and", "or" or commas between them, between <c>$</c>, <c>$$</c>, <c>\(\)</c> or
    /// <c>\[\]</c>.</summary>
    Formula,

    /// <summary>The last formula or number, whichever stands later.</summary>
    FormulaOrNumber,

    /// <summary>The last number.</summary>
    Number,

    /// <summary>The letter of a choice, A to J.</summary>
    Letter,

    /// <summary>The whole text.</summary>
    Whole,
}
