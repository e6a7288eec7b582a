using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Measures and what one is in the others: factors as the international definitions give them.</summary>
[TestClass]
public sealed class UnitsTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    // Of each unit: its names, and one of it in the first of its kind.
    private static readonly (string Kind, string Names, string One)[] Measures =
    [
        ("length", "m meter meters metre metres", "1"),
        ("length", "km kilometer kilometers kilometre kilometres", "1000"),
        ("length", "cm centimeter centimeters centimetre centimetres", "1/100"),
        ("length", "mm millimeter millimeters millimetre millimetres", "1/1000"),
        ("length", "in inch inches", "254/10000"),
        ("length", "ft foot feet", "3048/10000"),
        ("length", "yd yard yards", "9144/10000"),
        ("length", "mi mile miles", "1609344/1000"),
        ("mass", "kg kilogram kilograms", "1"),
        ("mass", "g gram grams", "1/1000"),
        ("mass", "lb lbs pound pounds", "45359237/100000000"),
        ("mass", "oz ounce ounces", "45359237/1600000000"),
        ("time", "s sec second seconds", "1"),
        ("time", "min minute minutes", "60"),
        ("time", "hr hrs h hour hours", "3600"),
        ("time", "day days", "86400"),
        ("time", "week weeks", "604800"),
        ("money", "dollar dollars usd", "1"),
        ("money", "cent cents", "1/100"),
        ("volume", "liter liters litre litres l", "1"),
        ("volume", "ml milliliter milliliters", "1/1000"),
        ("force", "n newton newtons", "1"),
        ("energy", "j joule joules", "1"),
        ("power", "w watt watts", "1"),
        ("voltage", "v volt volts", "1"),
        ("temperature", "k kelvin kelvins", "1"),
    ];

    [TestMethod]
    public void Factor_EachName_IsOneOfItInTheFirstOfItsKind()
    {
        foreach (var (kind, names, one) in Measures)
            foreach (var name in names.Split(' '))
            {
                var first = Measures.First(m => m.Kind == kind).Names.Split(' ')[0];
                Assert.AreEqual(Fraction(one), Units.Factor(name, first), name);
                Assert.AreEqual(Fraction(one).Inverse(), Units.Factor(first, name), name);
                Assert.AreEqual(name.Length > 1, Units.IsKnown(name), name);
                Assert.AreEqual(name.Length > 1, Units.IsKnown(name.ToUpperInvariant()), name);
                foreach (var other in Measures.Where(m => m.Kind != kind))
                    Assert.IsNull(Units.Factor(name, other.Names.Split(' ')[0]), $"{name} in {other.Kind}");
            }
    }

    [TestMethod]
    [DataRow("mph", "mi/h", "1")]
    [DataRow("mph", "miles per hour", "1")]
    [DataRow("kph", "km/h", "1")]
    [DataRow("kmh", "km per hr", "1")]
    [DataRow("kmph", "m/s", "1000/3600")]
    [DataRow("mph", "m/s", "1609344/3600000")]
    [DataRow("square feet", "square inches", "144")]
    [DataRow("sq ft", "sq. in.", "144")]
    [DataRow("cubic feet", "cubic inches", "1728")]
    [DataRow("cu yd", "cu. ft.", "27")]
    [DataRow("m^2", "cm^2", "10000")]
    [DataRow("m^3", "cm^3", "1000000")]
    [DataRow("cm^-1", "m^-1", "100")]
    [DataRow("m^-3", "cm^-3", "1/1000000")]
    [DataRow("modulo 5", "apples", "1")]
    [DataRow("apples", "modulo 5", "1")]
    [DataRow("square km", "m^2", "1000000")]
    [DataRow("m^3", "liters", "1000")]
    [DataRow("ml", "cm^3", "1")]
    [DataRow("liters per minute", "cm^3/s", "1000/60")]
    [DataRow("N", "kg m/s^2", "1")]
    [DataRow("J", "N m", "1")]
    [DataRow("W", "joules per second", "1")]
    [DataRow("m*m", "cm^2", "10000")]
    [DataRow("m * m^2", "cubic m", "1")]
    [DataRow("kg m / s^2", "g cm / s^2", "100000")]
    [DataRow("m/s^2", "feet per second squared", "10000/3048")]
    [DataRow("m per second squared", "m/min^2", "3600")]
    [DataRow("m per second cubed", "m/min^3", "216000")]
    [DataRow("mph squared", "mi^2/h^2", "1")]
    [DataRow("m/m", "s/s", "1")]
    [DataRow("Miles", "FEET", "5280")]
    [DataRow("a.m.", "am", "1")]
    [DataRow("apples", "feet", "1")]
    [DataRow("miles", "apples", "1")]
    [DataRow("red miles", "feet", "1")]
    [DataRow("m^x", "cm", "1")]
    [DataRow("m^4", "cm", "1")]
    [DataRow("m^-4", "cm", "1")]
    [DataRow("m^0", "cm", "1")]
    [DataRow("squared", "cm", "1")]
    [DataRow("/", "cm", "1")]
    [DataRow("degrees", "degrees", "1")]
    public void Factor_CompoundUnits_AreWorkedOut(string from, string to, string factor) =>
        Assert.AreEqual(Fraction(factor), Units.Factor(from, to), $"one {from} in {to}");

    [TestMethod]
    [DataRow("am", "pm")]
    [DataRow("a.m.", "PM")]
    [DataRow("m", "m^2")]
    [DataRow("m", "square m")]
    [DataRow("square m", "cubic m")]
    [DataRow("m/s", "m*s")]
    [DataRow("m", "degrees")]
    [DataRow("mph", "miles")]
    [DataRow("liters", "m^2")]
    [DataRow("mph", "mi^2/h^2")]
    public void Factor_OtherMeasures_HasNone(string from, string to) => Assert.IsNull(Units.Factor(from, to), $"{from} in {to}");

    [TestMethod]
    public void Factor_WithoutAUnit_IsOne()
    {
        Assert.AreEqual(Rational.One, Units.Factor(null, "cm"));
        Assert.AreEqual(Rational.One, Units.Factor("cm", null));
        Assert.IsFalse(Units.IsKnown("apples"));
    }

    [TestMethod]
    public void Equivalent_ValuesWithUnits_AreConverted() => AnswerTable.Holds(Exact, """
        1 \text{ m} :: 100 cm
        1 m !! 1 cm
        1 \text{ m}^2 :: 10000 cm^2
        2 \text{ hours} :: 120 \text{ minutes}
        60 \text{ mph} :: 60 \text{ miles per hour}
        36 \text{ km/h} :: 10 \text{ m/s}
        36 \text{ kmh} :: 10 \text{ m/s}
        5 min :: 300 \text{ s}
        5 min !! 5 cm
        2 sec x :: 2\sec x
        2 sec~x :: 2\sec x
        500INR :: 500
        500EUR :: 500
        500Inr !! 500
        2RS !! 2
        (500)INR :: 500
        \frac{1000}{2}INR :: 500
        x^2-INR :=: x^2-R N I
        inr+1 :=: 1+i n r
        \$\pm5 !! 5
        36 \text{ kph} :: 10 \text{ m/s}
        \$5 \text{ million} :: 500000000 \text{ cents}
        1 \text{ (degree)} !! 1 \text{ cm}
        90 \text{ (degrees)} !! 90 \text{ cm}
        90 \text{ (degrees)} :: 90^\circ
        \$1.50 :: 150 cents
        1.50\$ :: 150 cents
        3 pm !! 3 am
        5 kg !! 5 m
        2 \text{ m}^3 :: 2000 liters
        5 kg :: 5
        5 apples :: 5 pears
        5 \text{ m}^{2} :: 50000 \text{ cm}^2
        5 \text{ m}^{-1} :: 0.05 \text{ cm}^{-1}
        2\text{ ft. }:: 24\text{ in.}
        -\$5 :: -5 dollars
        \$-5 :: -5 dollars
        """.Replace("}::", "} ::"));

    [TestMethod]
    public void Equivalent_UnitsInsideOfAnAnswer_AreWorkedOut() => AnswerTable.Holds(Exact, """
        1\text{ m} + 1\text{ cm} :=: 101 \text{ cm}
        1\text{ m} + 1\text{ cm} !! 2
        1\text{ m} + 1\text{ cm} :: 1.01
        1\text{ m} - 1\text{ cm} :: 99 \text{ cm}
        1\text{ m} + 1\text{ kg} !! 2
        1\text{ kg} + 1 + 1\text{ m} !! 3
        3 + 5\text{ cm} :: 8\text{ cm}
        3 + 5\text{ cm} !! 8\text{ m}
        3\text{ dogs} + 4\text{ cats} :: 7
        \$1 + 50\text{ cents} :: \$1.50
        \$1 + 50\text{ cents} !! \$51
        5\text{ million} + 3\text{ thousand dollars} :=: \$5003000
        \frac{5\text{ million}}{2\text{ thousand}} :=: 2500
        \frac{6\text{ m}}{2\text{ s}} :=: 3 \text{ m/s}
        \frac{6\text{ m}}{2\text{ s}} !! 3 \text{ m}
        \frac{6}{2\text{ s}} :=: 3 \text{ s}^{-1}
        \frac{6\text{ km/h}}{2\text{ h}} :=: 3\text{ km per hour per hour}
        \frac{6\text{ m}}{2\text{ m per second}} :=: 3\text{ s}
        \frac{1\text{ m}}{1\text{ cm}} :=: 100
        \frac{1\text{ m}}{1\text{ cm}} !! 1
        \frac{6\text{ m}}{0\text{ s}} !! 0
        \frac{6}{2\text{ s}}\cdot(2\text{ m}) :=: 6\text{ m/s}
        (2\text{ m})\frac{6}{2\text{ s}} :=: 6\text{ m/s}
        \frac{6\text{ m}}{2\text{ m/s/s}} :=: 3\text{ s}^2
        \frac{6\text{ m}}{2\text{ m per s per s}} :=: 3\text{ s}^2
        \frac{6\text{ m/s}}{2} :=: 3\text{ m/s}
        \sqrt{4\text{ m}}+1 :: 3
        \frac{6\text{ apples}}{2\text{ people}} :=: 3
        (2\text{ m})(3\text{ m}) :=: 6 \text{ m}^2
        (2\text{ m})(3\text{ m}) !! 6 \text{ m}
        (2\text{ m/s})(3\text{ s}) :=: 6\text{ m}
        (2\text{ m})/(4\text{ s}) :=: 0.5\text{ m/s}
        x(2\text{ m}) :=: 2x\text{ m}
        -(1\text{ m} + 1\text{ cm}) :=: -101\text{ cm}
        2 - (1\text{ m} + 1\text{ cm}) :=: 0.99\text{ m}
        1\text{ m} \pm 1\text{ cm} :=: 101\text{ cm}, 99\text{ cm}
        1\text{ m} \mp 1\text{ cm} :=: 101\text{ cm}, 99\text{ cm}
        x = 1\text{ m} + 1\text{ cm} :=: 101\text{ cm}
        \sqrt{1\text{ m} + 21\text{ cm}} :: 1.1
        \sqrt{1\text{ m} + 1\text{ kg}} !! \sqrt2
        50\% + 1\text{ m} :: 1.5
        """);

    [TestMethod]
    public void Equivalent_DecimalsWithUnits_MayBeRounded() => AnswerTable.Holds(AnswerPolicy.All["math_verify"], """
        0.333333\text{ m} + 1\text{ m} :: \frac43\text{ m}
        \frac{333333}{1000000}\text{ m} + 1\text{ m} !! \frac43\text{ m}
        """);
    [TestMethod]
    public void Equivalent_EachLetterOfAUnit_IsOneWhereItIsUpright()
    {
        AnswerTable.HoldsForEach(Exact, "5\\,\\mathrm{@} :: 5", "m g s h l L N J W V K");
        AnswerTable.HoldsForEach(Exact, "5\\,\\mathrm{@} !! 5", "q x a");
    }

    private static Rational Fraction(string text) => text.Split('/') is [var above, var below]
        ? new(int.Parse(above), int.Parse(below))
        : new(int.Parse(text), 1);
}
