using G2RL.Onnx.Problems.AnswerChecking;

namespace G2RL.Onnx.Tests.AnswerChecking;

/// <summary>Equations, inequalities, sets, lists, ratios, matrices and percentages, and what the rules of a policy change.</summary>
[TestClass]
public sealed class RelationTests
{
    private static readonly AnswerPolicy Exact = AnswerPolicy.All["math"];

    [TestMethod]
    public void Inequalities_WithAConstantBelowTheLine_AreSolved() => AnswerTable.Holds(Exact, """
        (-\infty, \frac{1}{\pi-1}) :: x < \frac{1}{\pi-1}
        [\frac{1}{\pi-1}, \infty) :: x \ge \frac{1}{\pi-1}
        (-\infty, \frac{1}{1-\pi}) :: x < \frac{1}{1-\pi}
        (\frac{1}{\pi-1}, \infty) !! x < \frac{1}{\pi-1}
        (-\infty, \frac{1}{\pi-4}) :: x < \frac{1}{\pi-4}
        (\frac{1}{\pi-4}, \infty) !! x < \frac{1}{\pi-4}
        (\frac{1}{\pi-4}, \infty) :: x > \frac{1}{\pi-4}
        """);

    [TestMethod]
    public void Equations_SayTheSame_UpToAFactor() => AnswerTable.Holds(Exact, """
        x=5 :=: 5
        5=x :=: x=5
        x=5 !! x=6
        y=2x :=: 2x=y
        y=2x :: 4x-2y=0
        y=2x !! y=3x
        x^2+y^2=4 :: 4-x^2=y^2
        x+y=1 !! x+y=2
        2x=4 !! 4
        2+3=5 :=: 5
        2+3=5 !! 2
        a+b=7 :: 7
        x+1=7 !! 7
        2a+b=7 !! 7
        f(x)=x^2 :=: x^2
        P(2)=8 :=: 8
        AB=5 :=: 5
        |AB|=5 :=: 5
        \frac{AB}{CD}=\frac12 :=: 0.5
        (x,y)=(1,2) :=: (1,2)
        e=\frac12 :=: 0.5
        3=4 !! 3
        a=b=5 :=: 5
        x \approx 3.14 :=: 3.14
        \sqrt2 \approx 1.41 !! 1.41
        5 \approx x :=: 5
        x = \sqrt2 \approx 1.41 :=: \sqrt2
        x=y :: y=x
        x+y=y+x :: 2x+1=1+2x
        \sin x+i=0 :: 2\sin x+2i=0
        x\approx3.142\approx3.14 :: 3.142
        0=0 !! 1
        \text{Area}=5 :=: 5
        """);

    [TestMethod]
    public void Inequalities_AreSolved_WhereTheyAreLinear() => AnswerTable.Holds(Exact, """
        2x+1<5 :=: x<2
        -x<2 :=: x>-2
        1<x<3 :: (1,3)
        1<x\le3 :: (1,3]
        \sqrt{2+\sqrt2} < x < 3 :: (\sqrt{2+\sqrt2}, 3)
        \pi x < 3 :=: x < \frac{3}{\pi}
        x+\pi x < 0 :=: x < 0
        3>x\ge1 :: [1,3)
        1\le x \text{ and } x\le3 :: [1,3]
        x>1 \text{ and } x>2 :: (2,\infty)
        x<1 \text{ or } x<2 :: (-\infty,2)
        x<1, x>3 !! (-\infty,1)\cup(3,\infty)
        x<1 \text{ or } x>3 :: x<1, x>3
        x>1 \text{ and } x<3 \text{ and } x\ne2 :: (1,2)\cup(2,3)
        x<\infty :: \infty>x
        3<\infty !! (3,\infty)
        \pi x<2 :: (-\infty,\frac{2}{\pi})
        |\sqrt2x-2x|<2-\sqrt2 :: (-1,1)
        |\sqrt2x-2x|>2-\sqrt2 :: (-\infty,-1)\cup(1,\infty)
        1<x=2 :: \{2\}
        1<x\equiv2 !! (1,2)
        n\equiv2 !! n<2
        0<xy<2xy !! 0<xy<z
        x^2<4 !! x<4
        x<1 \text{ or } y>3 !! (-\infty,1)\cup(3,\infty)
        |x|<2 :: (-2,2)
        |x|\le2 :: [-2,2]
        |x|>2 :: (-\infty,-2)\cup(2,\infty)
        |x-1|\le2 :: [-1,3]
        |2-x|<1 :: (1,3)
        |2x|<1 :: (-1/2,1/2)
        1<|x|\le2 :: [-2,-1)\cup(1,2]
        -\infty<x<3 :=: x<3
        -\infty<x<\infty :: (-\infty,\infty)
        -\infty<x<\infty :: \mathbb{R}
        -\infty<x<\infty :=: x\in\mathbb{R}
        -\infty<x<\infty !! -\infty<y<\infty
        \infty>x\ge-\infty :: \mathbb{R}
        -\infty<2x+1 :: \mathbb{R}
        -\infty<|x|<\infty :: \mathbb{R}
        -\infty<x^2<\infty !! \mathbb{R}
        \infty<x<3 !! x<3
        x<-\infty !! \mathbb{R}
        x>\infty !! \mathbb{R}
        -\infty<\infty !! \mathbb{R}
        -\infty<\infty>x !! \mathbb{R}
        x\ne\infty !! \mathbb{R}
        -\infty=x<3 !! x<3
        1<2<3 !! 2<3<4
        x\ne1 :: (-\infty,1)\cup(1,\infty)
        x<y :=: y>x
        x\le y :=: y\ge x
        x<y !! y<x
        x<y !! x\le y
        2x<2y :: x<y
        -2x<2y :: -x<y
        x^2<4 :=: 4>x^2
        x^2<4 !! x^2>4
        x^2<4 !! x^2<5
        x^2<y<4 :=: 4>y>x^2
        x^2<y<4 !! x^2<y<5
        x^2<y<4 !! x^2<y
        x<2 !! y<2
        x<2 !! x\le2
        x >= 2 :=: x \ge 2
        x =< 2 :=: x \le 2
        x <= 2 :=: x \le 2
        x != 2 :=: x \ne 2
        x < = 2 :=: x \le 2
        x == 2 :=: x = 2
        """);

    [TestMethod]
    public void Sets_OfReals_AreJoinedAndCut() => AnswerTable.Holds(Exact, """
        [1,2)\cup[2,3] :=: [1,3]
        [1,2]\cup(2,3] :=: [1,3]
        [1,2)\cup(2,3] !! [1,3]
        [1,2)\cup(2,3] !! [1,2]\cup[2,3]
        [3,4]\cup[1,2] :=: [1,2]\cup[3,4]
        [1,4]\cup[2,3] :=: [1,4]
        [1,4)\cup[2,4] :=: [1,4]
        [1,5)\cup[2,3] :=: [1,5)
        [1,5]\cup([2,3]\cup[4,6]) :=: [1,6]
        [1,3]\cap(1,2) :=: (1,2)
        \{x,y\} :=: \{y,x\}
        2+\{5\} !! 7
        (1,2)\cup[1,2) :=: [1,2)
        [1,2]\cup[2,3]\cup[3,4] :=: [1,4]
        \{1\}\cup(1,2) :=: [1,2)
        \{1,2\}\cup\{3\} :: \{1,2,3\}
        (1,2]\cap[2,3) :: \{2\}
        [1,3]\cap(2,4) :=: (2,3]
        (1,3)\cap[1,3] :=: (1,3)
        [1,3]\cap[2,4]\cap[0,2.5] :=: [2,2.5]
        ([1,2]\cup[4,5])\cap[2,4] :: \{2,4\}
        [1,2]\cap[3,4] :: \emptyset
        [1,5]\setminus(2,3) :=: [1,2]\cup[3,5]
        [1,5]\setminus[2,3] :=: [1,2)\cup(3,5]
        [1,5]\setminus\{3\} :=: [1,3)\cup(3,5]
        \mathbb{R}\setminus\{0\} :: x\ne0
        \mathbb{R}\setminus\{0,1\} :=: (-\infty,0)\cup(0,1)\cup(1,\infty)
        \{0\}\cup[1,\infty] :=: \{0\}\cup[1,\infty)
        [-\infty,1]\cup\{2\} :=: (-\infty,1]\cup\{2\}
        [1,2] !! (1,2)
        [1,2] !! [1,2)
        [1,2] !! [1,3]
        (\sqrt2,\sqrt3) !! (\sqrt2,\sqrt5)
        \{x \mid 1<x<3\} :: (1,3)
        \{x : x>3\} !! (2,\infty)
        x\in\{1,2\} :=: \{1,2\}
        x\in(1,2) :: 1<x<2
        \{\} :=: \emptyset
        \{1,2\} !! \{1,2,3\}
        \{1,1,2\} !! \{1,2\}
        \{1,2\} !! \{1,3\}
        """);

    [TestMethod]
    public void Lists_InTheirOrder_OrInAny() => AnswerTable.Holds(Exact, """
        1,2 :=: 2,1
        1,2 !! 1,2,3
        1,1,2 !! 1,2,2
        1,2 !! (1,2)
        (1,2) !! (2,1)
        (1,2,3) !! (3,2,1)
        (1,2,3) !! (1,2)
        (1,2,3) :: [1,2,3]
        (1,2) !! \{1,2\}
        [1,2) !! (1,2]
        1;2 :=: 2,1
        1 and 2 :=: 2,1
        1\\2 :=: 2,1
        (1,2),(3,4) :=: (3,4),(1,2)
        (1,2),(3,4) !! (2,1),(4,3)
        (1,2),(3,4) !! [1,2],[3,4]
        (5,1,234) !! (5,1234)
        |-3|, 30^\circ :: 3, 30
        x=1,y=2 :=: y=2,x=1
        x=1,y=2 !! x=2,y=1
        x=1,x=2 :=: 1,2
        p=5,q=2; p=7,q=3 :=: p=7,q=3; p=5,q=2
        p=5,q=2; p=7,q=3 !! p=5,q=3; p=7,q=2
        x=1,y=2; x=3,y=4 :=: y=4,x=3; y=2,x=1
        x=1,y=2; x=3,y=4 !! y=2,x=3; y=4,x=1
        x=1,y=2; x=3,y=4 !! y=1,x=2; y=3,x=4
        1 \pm 2, 5 :=: -1, 3, 5
        x = 1 \pm 2 :=: -1, 3
        \pm 2 :=: 2, -2
        \mp 2 :=: 2, -2
        1 \pm 2 \pm 3 :=: 6, -4
        1 \pm 2 \mp 3 :=: 0, 2
        2\cdot\pm3 !! 6
        (\pm1,2) :=: (1,2),(-1,2)
        (\pm1,2) !! (1,-1,2)
        [2,1\pm\sqrt3] :=: [2,1+\sqrt3],[2,1-\sqrt3]
        (x,y)=(\pm1,2) :=: (1,2),(-1,2)
        (\pm1,\mp2) :=: (1,-2),(-1,2)
        (\pm1,\pm2) !! (1,2),(-1,-2)
        (\pm1,\pm2) :: (\pm1,\pm2)
        (\pm1,2),(3,4) :=: (3,4),(-1,2),(1,2)
        (\pm1,\{\pm2\}) :=: (1,\{2,-2\}),(-1,\{2,-2\})
        (\{\pm2\},\pm1) :=: (\{2,-2\},1),(\{2,-2\},-1)
        \{(\pm1,2)\} :=: \{(1,2),(-1,2)\}
        \{\pm1\}\text{ cm} :=: \{1,-1\}
        (\pm1,2)\text{ cm} :=: (1,2),(-1,2)
        x=\pm3 :=: x=3,x=-3
        1,2,\ldots,5 !! 1,2,5
        1,2,3. :=: 1,2,3
        5. :=: 5
        5... !! 5
        = 5 :=: 5
        \approx 5 :=: 5
        (5) :=: 5
        [5] :=: 5
        \{5\} !! 6
        """);

    [TestMethod]
    public void Ratios_AreReduced_ButTimesAreNot() => AnswerTable.Holds(Exact, """
        2:4 :: 1:2
        1:2 :: 0.5
        1:2 !! 2
        1:2:3 :: 2:4:6
        1:2:3 !! 1:2:4
        1:2:3 !! 3:2:1
        1:2 !! 1:2:3
        2:40 !! 1:20
        4:10 !! 2:05
        2:05 :=: 2:05
        10:5 :: 2:1
        24:30 !! 12:15
        25:30 :: 5:6
        2:60 :: 1:30
        2:5 :: 4:10
        2:5.0 :: 4:10
        2:30 \text{ am} !! 2:30 \text{ pm}
        2:30 \text{ p.m.} :=: 2:30 \text{ pm}
        2:30 \text{ pm} :: 2:30
        (2:30)\text{ pm} :=: 2:30 \text{ pm}
        (2:30)\text{ pm} !! 2:30 \text{ am}
        1.5:3 :: 1:2
        \sqrt2:2 :: \frac{\sqrt2}{2}
        a:b :: \frac ab
        """);

    [TestMethod]
    public void Matrices_AreAddedAndMultiplied() => AnswerTable.Holds(Exact, """
        \begin{pmatrix}1&2\\3&4\end{pmatrix} !! \begin{pmatrix}1&3\\2&4\end{pmatrix}
        \begin{pmatrix}1&2\\3&4\end{pmatrix} !! \begin{pmatrix}1&2\end{pmatrix}
        \begin{pmatrix}1&2\end{pmatrix} !! \begin{pmatrix}1\\2\end{pmatrix}
        \begin{pmatrix}1&2\\3&4\end{pmatrix}+\begin{pmatrix}1&1\\1&1\end{pmatrix} :=: \begin{pmatrix}2&3\\4&5\end{pmatrix}
        \begin{pmatrix}1&2\\3&4\end{pmatrix}-\begin{pmatrix}1&1\\1&1\end{pmatrix} :=: \begin{pmatrix}0&1\\2&3\end{pmatrix}
        2\begin{pmatrix}1&2\\3&4\end{pmatrix} :=: \begin{pmatrix}2&4\\6&8\end{pmatrix}
        \begin{pmatrix}1&2\\3&4\end{pmatrix}\cdot2 :=: \begin{pmatrix}2&4\\6&8\end{pmatrix}
        2\cdot3\begin{pmatrix}1\\2\end{pmatrix} :=: \begin{pmatrix}6\\12\end{pmatrix}
        \begin{pmatrix}{1}\\{2}\end{pmatrix} :=: \begin{pmatrix}1\\2\end{pmatrix}
        2/\begin{pmatrix}2&4\end{pmatrix} !! \begin{pmatrix}1&2\end{pmatrix}
        \begin{pmatrix}2&4\end{pmatrix}/0 !! \begin{pmatrix}2&4\end{pmatrix}
        \begin{pmatrix}2&4\end{pmatrix}/2 :=: \begin{pmatrix}1&2\end{pmatrix}
        -\begin{pmatrix}1&2\end{pmatrix} :=: \begin{pmatrix}-1&-2\end{pmatrix}
        \begin{pmatrix}1&2\\3&4\end{pmatrix}\begin{pmatrix}5\\6\end{pmatrix} :=: \begin{pmatrix}17\\39\end{pmatrix}
        \begin{pmatrix}1&2\end{pmatrix}\begin{pmatrix}3\\4\end{pmatrix} :=: \begin{pmatrix}11\end{pmatrix}
        \begin{pmatrix}1&2\\3&4\end{pmatrix}\begin{pmatrix}0&1\\1&0\end{pmatrix} :=: \begin{pmatrix}2&1\\4&3\end{pmatrix}
        \begin{pmatrix}1&2\end{pmatrix}\begin{pmatrix}3&4\end{pmatrix} !! \begin{pmatrix}3&8\end{pmatrix}
        \begin{pmatrix}1&2\end{pmatrix}+\begin{pmatrix}3\\4\end{pmatrix} !! \begin{pmatrix}4&6\end{pmatrix}
        \begin{pmatrix}1&2\end{pmatrix}+1 !! \begin{pmatrix}2&3\end{pmatrix}
        \begin{pmatrix}1&2\\3\end{pmatrix} !! \begin{pmatrix}1&2\\3&4\end{pmatrix}
        \begin{array}{cc}1&2\\3&4\end{array} :=: \begin{bmatrix}1&2\\3&4\end{bmatrix}
        \begin{vmatrix}a&b\\c&d\end{vmatrix} !! \begin{pmatrix}a&b\\c&d\end{pmatrix}
        \begin{Vmatrix}a&b\\c&d\end{Vmatrix} !! \begin{vmatrix}a&b\\c&d\end{vmatrix}
        \begin{pmatrix}(1,2)&3\end{pmatrix} !! \begin{pmatrix}(2,1)&3\end{pmatrix}
        """);

    [TestMethod]
    public void Numbers_AsPeopleWriteThem_AreTheSame() => AnswerTable.Holds(Exact, """
        1,234 :=: 1234
        1{,}234 :=: 1234
        1,\!234 :=: 1234
        1\,234 :=: 1234
        1 234 :=: 1234
        1~234 :=: 1234
        1,234,567.5 :=: 1234567.5
        12,34 !! 1234
        0,123 !! 123
        (1,234) !! 1234
        (1,234) :=: (1,234.0)
        (1,000) !! 1
        {1,234} :=: 1234
        1.50 :=: 1.5
        .5 :=: 0.5
        5.0 :=: 5
        1e3 :=: 1000
        1.5e-3 :=: 0.0015
        2E+2 :=: 200
        1e401 !! 1e402
        0.\overline{3} :=: 1/3
        0.1\overline{6} :=: 1/6
        1.\overline{09} :=: 12/11
        0.\bar{3} :=: 1/3
        2.\overline 3 :=: 7/3
        3\frac12 :=: 3.5
        3 1/2 :=: 3.5
        3\frac{1}{2} !! 1.5
        3\frac x2 !! 3+\frac x2
        -3\frac12 :=: -3.5
        3\cdot\frac12 :=: 1.5
        1.5\frac12 :=: 0.75
        \frac{12}3 :=: 4
        \frac1{23} :=: 1/23
        10\% :: 0.1
        10\% :: 10
        10\% !! 1
        10\% :: 0.10
        x\% !! y\%
        50\%+50\% :=: 1
        5 6 !! 56
        5 6 !! 30
        --5 :=: 5
        +5 :=: 5
        2 - -3 :=: 5
        6/2/3 :=: 1
        6/-2 :=: -3
        2*-3 :=: -6
        60^o :=: 60^\circ
        60^{\circ} :: 60
        60^{o} :: 60
        60° :=: 60 degrees
        \pi° !! \pi x
        """);

    [TestMethod]
    public void Words_AreCompared_ByTheirLetters() => AnswerTable.Holds(Exact, """
        \text{Yes} :=: yes
        \text{(C)} :: C
        \text{C} !! c
        \text{B,E} :: B,E
        \text{A, B} :: A, B
        \text{A and B} :: A, B
        ABC !! CAB
        AB :=: BA
        \text{Monday} !! \text{Tuesday}
        \text{A+} !! \text{A-}
        \text{A-} !! \text{A}
        \text{A+} !! A
        \text{A+} :: A+
        \text{A−} :=: \text{A-}
        \text{A- or B+} :=: \text{B+ or A-}
        \text{C++} !! \text{C}
        \text{non-negative} :=: \text{nonnegative}
        \text{yes - no} :=: \text{yes no}
        \text{-A} :=: \text{A}
        \text{October 30} !! 30
        \text{red, blue} :=: \text{Red blue}
        \text{red, blue} !! \text{blue, red}
        \text{A and B} !! A, C
        \text{5} :=: 5
        \text{.5} :=: 0.5
        \mathrm{\frac12} :=: 0.5
        \mathrm{x} :=: x
        5\text{, }6 :=: 5,6
        5\text{ or }6 :=: 6,5
        5 \text{ (five)} :=: 5
        5 \text{ not } 6 !! 5
        don't !! dont know
        """);

    [TestMethod]
    [DataRow("nemo_skills", "0.3333 :: 1/3\n0.333 !! 1/3\n3.1416 :: \\pi")]
    [DataRow("nemo_skills", "3.1415 !! \\pi\n0.00005 :: 0\n0.00015 :: 0.0002\n-0.00015 :: -0.0002")]
    [DataRow("nemo_skills", "0.3333x :: \\frac x3\n0.333x !! \\frac x3\n0.3333x !! \\frac y3\n0.3333x !! \\frac x3+1\n1/3 !! 3333/10000")]
    [DataRow("nemo_skills", "10\\% :: 10\n10\\% !! 0.1\n[0.3333,1) :: [1/3,1)\n[0.333,1) !! [1/3,1)\n1 !! 1.0001\n1 :: 1.00001")]
    [DataRow("math_verify", "1,05 :: 1.05\n1,05 !! 1.5\n-0,5 :: -0.5\n-0,5 !! 0.5")]
    [DataRow("math_verify", "0.333333:1 :: \\frac13\n1:3 !! \\frac{333333}{1000000}\n\\frac{0.33x}{x+1} !! 0.33x\nx>1 :: 1<x")]
    [DataRow("math_verify", """
        0.333333\begin{pmatrix}1\\1\end{pmatrix} :: \begin{pmatrix}\frac13\\\frac13\end{pmatrix}
        \begin{pmatrix}1\\1\end{pmatrix}\cdot0.333333 :: \begin{pmatrix}\frac13\\\frac13\end{pmatrix}
        -0.333333\begin{pmatrix}1\\1\end{pmatrix} :: \begin{pmatrix}-\frac13\\-\frac13\end{pmatrix}
        \begin{pmatrix}1\\1\end{pmatrix}/3.000003 :: \begin{pmatrix}\frac13\\\frac13\end{pmatrix}
        333333\begin{pmatrix}1\\1\end{pmatrix}/1000000 !! \begin{pmatrix}\frac13\\\frac13\end{pmatrix}
        \begin{pmatrix}0.333333\\0\end{pmatrix}+\begin{pmatrix}0\\1\end{pmatrix} :: \begin{pmatrix}\frac13\\1\end{pmatrix}
        \begin{pmatrix}0\\1\end{pmatrix}+\begin{pmatrix}0.333333\\0\end{pmatrix} :: \begin{pmatrix}\frac13\\1\end{pmatrix}
        \begin{pmatrix}0.333333&0\end{pmatrix}\begin{pmatrix}1\\1\end{pmatrix} :: \begin{pmatrix}\frac13\end{pmatrix}
        \begin{pmatrix}0&1\end{pmatrix}\begin{pmatrix}1\\0.333333\end{pmatrix} :: \begin{pmatrix}\frac13\end{pmatrix}
        """)]
    [DataRow("math_verify", "0.\\overline{6} :: \\frac{666667}{1000000}\n3333333e-7 :: \\frac13")]
    [DataRow("math_verify", "10\\% :: 0.1\n10\\% !! 10\n1,22 :: 1.22\n-1,5 :: -1.5\n1,22 !! 1.23\n(1,22) !! 1.22\n1,2 !! 3")]
    [DataRow("math_verify", "1,1,2 :: 1,2\n1,2 !! 1,2,3\n\\{1,1,2\\} :: \\{2,1\\}\n1,2 :: (1,2)\n1,2 !! (2,1)\n0.333333 :: 1/3")]
    [DataRow("tinker", "2/4 !! 1/2\n\\frac24 !! \\frac12\n-\\frac12 :: -1/2\n\\frac12 :: 0.5\n1,2 !! 2,1\n1,2 :: 1,2.0\n10\\% :: 10")]
    [DataRow("tinker", """
        1\text{ m} \pm 1\text{ cm} :: 101\text{ cm}, 99\text{ cm}
        1\text{ m} \pm 1\text{ cm} !! 99\text{ cm}, 101\text{ cm}
        1\text{ m} \mp 1\text{ cm} :: 99\text{ cm}, 101\text{ cm}
        1 \mp 2 :: -1, 3
        """)]
    [DataRow("tinker", "x=1,y=2; x=3,y=4 !! y=2,x=1; y=4,x=3\nx=1,y=2; x=3,y=4 :: x=1,y=2.0; x=3,y=4")]
    [DataRow("tinker", "-\\frac24 !! -\\frac12\n\\{1,2\\} :: \\{2,1\\}\n\\frac x2 :: x/2\n1/2 :: \\frac12")]
    public void Policies_DifferInTheirRules(string policy, string table) => AnswerTable.Holds(AnswerPolicy.All[policy], table);

    [TestMethod]
    public void Check_RelationsForSets_OnlyTheReferenceMayBeOne()
    {
        var strict = AnswerPolicy.All["math"] with { Rules = new() { RelationsForSets = false } };
        foreach (var (relation, set) in new[]
        {
            ("1<x<3", "(1,3)"), ("x>1 \\text{ and } x<3", "(1,3)"), ("x\\ne1", "(-\\infty,1)\\cup(1,\\infty)"),
        })
        {
            Assert.IsTrue(Exact.Check($"\\boxed{{{relation}}}", set).IsRight, relation);
            Assert.IsTrue(Exact.Check($"\\boxed{{{set}}}", relation).IsRight, relation);
            Assert.IsFalse(strict.Check($"\\boxed{{{relation}}}", set).IsRight, relation);
            Assert.IsTrue(strict.Check($"\\boxed{{{set}}}", relation).IsRight, relation);
        }
    }

    [TestMethod]
    public void Check_StrictNames_MustBeTheSame()
    {
        var strict = AnswerPolicy.All["math"] with { Rules = new() { StrictNames = true } };
        AnswerTable.Holds(Exact, "f(x)=1 :: g(x)=1\nx=5 :: y=5\nx<2 !! y<2");
        AnswerTable.Holds(strict, "f(x)=1 !! g(x)=1\nx=5 !! y=5\nx=5 :: x=5.0\nx<2 !! y<2\nx<2 :: 2>x");
    }

    [TestMethod]
    public void Check_WithoutWords_ReferenceOfWordsIsUnreadable()
    {
        var numbers = AnswerPolicy.All["math"] with { Rules = new() { Words = false } };
        Assert.AreEqual(Verdict.Unparseable, numbers.Check("\\boxed{Monday}", "Monday").Verdict);
        Assert.AreEqual(Verdict.Right, Exact.Check("\\boxed{Monday}", "Monday").Verdict);
        Assert.AreEqual(Verdict.Right, numbers.Check("\\boxed{5}", "5.0").Verdict);
    }
}
