#!/usr/bin/python3
"""Loss and all gradients of one GRPO micro-batch in eager PyTorch: what the train rows of the benchmark are held against.

Needs Debian's python3-torch and libopenblas0-pthread. Prints the BLAS that is loaded and its rate, and refuses the reference BLAS.

  /usr/bin/python3 train_step.py                 every shape, the best of the settings below, one JSON object a line
  /usr/bin/python3 train_step.py 576x4 4 128     one of them: shape, rows, tokens

Memory is what the process held at most above what it held with weights and gradients allocated.
"""
import json
import os
import statistics
import subprocess
import sys
import time

# width, feed-forward width, layers, heads, key/value heads, head width, vocabulary
SHAPES = {
    "arithmetic-base": (128, 384, 5, 4, 2, 32, 19),
    "576x4": (576, 1536, 4, 9, 3, 64, 8192),
    "576x4:49152": (576, 1536, 4, 9, 3, 64, 49152),
}
RUNS = [("arithmetic-base", 4, 128), ("arithmetic-base", 64, 128), ("576x4", 4, 128), ("576x4:49152", 4, 512)]
SETTINGS = [(1, {}), (2, {}), (2, {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"})]
REPETITIONS = 5


def status(name):
    for line in open("/proc/self/status"):
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024


def blas():
    """The library behind matrix products, as the process has it mapped."""
    import torch
    torch.mm(torch.ones(8, 8), torch.ones(8, 8))
    names = {os.path.realpath(line.split()[-1]) for line in open("/proc/self/maps") if "blas" in line}
    name = ", ".join(sorted(names))
    if "openblas" not in name:
        sys.exit(f"matrix products go through '{name}', not OpenBLAS: install libopenblas0-pthread")
    return name


def rate():
    import torch
    a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)
    best = 1e9
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - start)
    return 2 * 1024 ** 3 / best / 1e9


def measure(shape, rows, length, threads):
    import torch
    import torch.nn.functional as F
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    width, inner, layers, heads, groups, head, vocabulary = SHAPES[shape]
    weights = []

    def weight(*size):
        w = (torch.randn(*size) / size[-1] ** 0.5 if len(size) > 1 else torch.ones(*size)).requires_grad_()
        weights.append(w)
        return w

    embedding, last = weight(vocabulary, width), weight(width)
    blocks = [dict(n1=weight(width), q=weight(heads * head, width), k=weight(groups * head, width), v=weight(groups * head, width), o=weight(width, heads * head),
                   n2=weight(width), gate=weight(inner, width), up=weight(inner, width), down=weight(width, inner)) for _ in range(layers)]
    for w in weights:
        w.grad = torch.zeros_like(w)
    angles = torch.outer(torch.arange(length).float(), 1 / 1e5 ** (torch.arange(0, head, 2).float() / head))
    cos, sin = torch.cat([angles, angles], -1).cos()[None, None], torch.cat([angles, angles], -1).sin()[None, None]
    bias = torch.triu(torch.full((length, length), -1e9), 1)
    ids, targets = torch.randint(vocabulary, (rows, length)), torch.randint(vocabulary, (rows * length,))
    advantage, old, reference = (torch.arange(rows * length) % 3 - 1).float(), torch.full((rows * length,), -4.0), torch.full((rows * length,), -4.0)

    def norm(x, w):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * w

    def turn(x):
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat([-b, a], -1) * sin

    def split(x, count):
        return x.view(rows, length, count, head).transpose(1, 2)

    def step():
        for w in weights:
            w.grad.zero_()
        x = F.embedding(ids, embedding)
        for b in blocks:
            h = norm(x, b["n1"])
            q, k, v = turn(split(F.linear(h, b["q"]), heads)), turn(split(F.linear(h, b["k"]), groups)), split(F.linear(h, b["v"]), groups)
            k, v = (t.repeat_interleave(heads // groups, 1) for t in (k, v))
            mixed = torch.softmax(q @ k.transpose(2, 3) * head ** -0.5 + bias, -1) @ v
            x = x + F.linear(mixed.transpose(1, 2).reshape(rows, length, heads * head), b["o"])
            h = norm(x, b["n2"])
            x = x + F.linear(F.silu(F.linear(h, b["gate"])) * F.linear(h, b["up"]), b["down"])
        logs = torch.log_softmax(F.linear(norm(x, last), embedding).view(rows * length, vocabulary), -1)
        lp = logs.gather(1, targets[:, None])[:, 0]
        with torch.no_grad():
            entropy = -(logs.exp() * logs).sum(-1).mean()
        ratio = (lp - old).exp()
        loss = torch.maximum(-advantage * ratio, -advantage * ratio.clamp(0.8, 1.2))
        loss = (loss + 0.001 * ((reference - lp).exp() - (reference - lp) - 1)).mean()
        loss.backward()
        return loss.item(), entropy.item()

    held = status("VmRSS")
    step()
    seconds = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        step()
        seconds.append(time.perf_counter() - start)
    return dict(shape=shape, rows=rows, tokens=length, seconds=statistics.median(seconds), mib=(status("VmHWM") - held) / 2 ** 20, blas=blas(), gflops=rate(), threads=threads)


def main():
    if len(sys.argv) > 4:
        print(json.dumps(measure(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))))
        return
    runs = [(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))] if len(sys.argv) == 4 else RUNS
    for run in runs:
        tried = []
        for threads, extra in SETTINGS:
            command = [sys.executable, __file__, *map(str, run), str(threads)]
            answer = subprocess.run(command, env={**os.environ, **extra}, stdout=subprocess.PIPE, text=True, check=True).stdout
            tried.append({**json.loads(answer), "settings": extra})
            print(json.dumps(tried[-1]))
        best = min(tried, key=lambda t: t["seconds"])
        print(json.dumps({"best": best["seconds"], "least_mib": min(t["mib"] for t in tried), "shape": run[0], "rows": run[1], "tokens": run[2]}), flush=True)


main()
