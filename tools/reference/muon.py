"""Writes tests/fixtures/muon.json: three Muon updates of a wide, a square and a tall matrix, in double, with nothing of this project.

Published form (kellerjordan.github.io/posts/muon, and the code beside it): buf.lerp_(g, 1 - mu); u = g.lerp(buf, mu) (Nesterov);
X = u / (|u| + 1e-7), turned over when it has more rows than columns; five times A = X X^T, B = b A + c A A, X = a X + B X.
Decoupled decay and the factor 0.2 sqrt(max(rows, columns)): arXiv:2502.16982.

    python3 tools/reference/muon.py > tests/fixtures/muon.json
"""
import json
import math

state = 777


def number(scale):
    global state
    state = (state * 1103515245 + 12345) % (1 << 31)
    return round((state / (1 << 30) - 1) * scale * 1024) / 1024


def matrix(rows, columns, scale=1.0):
    return [[number(scale) for _ in range(columns)] for _ in range(rows)]


def product(a, b):
    columns = list(zip(*b))
    return [[sum(x * y for x, y in zip(row, column)) for column in columns] for row in a]


def turned(a):
    return [list(r) for r in zip(*a)]


def mixed(*terms):
    return [[sum(f * m[i][j] for f, m in terms) for j in range(len(terms[0][1][0]))] for i in range(len(terms[0][1]))]


def orthogonalized(u):
    tall = len(u) > len(u[0])
    x = turned(u) if tall else u
    root = math.sqrt(sum(v * v for row in x for v in row)) + 1e-7
    x = [[v / root for v in row] for row in x]
    for _ in range(5):
        a = product(x, turned(x))
        b = mixed((-4.7750, a), (2.0315, product(a, a)))
        x = mixed((3.4445, x), (1.0, product(b, x)))
    return turned(x) if tall else x


rate, decay, mu = 0.02, 0.1, 0.95
cases = []
for rows, columns in [(3, 7), (5, 5), (9, 4)]:
    weight = start = matrix(rows, columns)
    buffer = [[0.0] * columns for _ in range(rows)]
    gradients = [matrix(rows, columns, 0.5) for _ in range(3)]
    for g in gradients:
        buffer = mixed((mu, buffer), (1 - mu, g))
        u = mixed((1 - mu, g), (mu, buffer))
        weight = mixed((1 - rate * decay, weight), (-rate * 0.2 * math.sqrt(max(rows, columns)), orthogonalized(u)))
    cases.append({"rows": rows, "columns": columns, "start": start, "gradients": gradients, "end": weight})
print(json.dumps({"made_by": "tools/reference/muon.py", "rate": rate, "decay": decay, "momentum": mu, "cases": cases}, separators=(",", ":")))
