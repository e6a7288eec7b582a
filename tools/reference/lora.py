"""Writes tests/fixtures/lora.json: a one-layer Llama with LoRA adapters, computed in double with nothing of this project.

PEFT's published formula (peft.tuners.lora.layer.Linear.forward, dropout 0): result = W x + B (A x) * scaling, where scaling is
lora_alpha / r, or lora_alpha / sqrt(r) with use_rslora. Weights are multiples of 1/256, so that float32 holds them exactly.

    python3 tools/reference/lora.py > tests/fixtures/lora.json
"""
import json
import math

V, D, F, H, KV, W, EPS, THETA = 11, 8, 12, 2, 1, 4, 1e-6, 10000.0
state = 12345


def number(scale):
    global state
    state = (state * 1103515245 + 12345) % (1 << 31)
    return round((state / (1 << 30) - 1) * scale * 256) / 256


def matrix(rows, columns, scale=1.0):
    return [[number(scale) for _ in range(columns)] for _ in range(rows)]


def times(m, x):
    return [sum(a * b for a, b in zip(row, x)) for row in m]


def norm(x, weight):
    root = math.sqrt(sum(v * v for v in x) / len(x) + EPS)
    return [v / root * w for v, w in zip(x, weight)]


def rotated(head, position):
    half = W // 2
    angles = [position * THETA ** (-2 * i / W) for i in range(half)]
    a, b = head[:half], head[half:]
    return ([x * math.cos(t) - y * math.sin(t) for x, y, t in zip(a, b, angles)]
            + [y * math.cos(t) + x * math.sin(t) for x, y, t in zip(a, b, angles)])


P = "model.layers.0."
model = {
    "model.embed_tokens.weight": matrix(V, D),
    P + "input_layernorm.weight": [1 + number(0.2) for _ in range(D)],
    P + "self_attn.q_proj.weight": matrix(H * W, D, 0.6),
    P + "self_attn.k_proj.weight": matrix(KV * W, D, 0.6),
    P + "self_attn.v_proj.weight": matrix(KV * W, D, 0.6),
    P + "self_attn.o_proj.weight": matrix(D, H * W, 0.6),
    P + "post_attention_layernorm.weight": [1 + number(0.2) for _ in range(D)],
    P + "mlp.gate_proj.weight": matrix(F, D, 0.6),
    P + "mlp.up_proj.weight": matrix(F, D, 0.6),
    P + "mlp.down_proj.weight": matrix(D, F, 0.6),
    "model.norm.weight": [1 + number(0.2) for _ in range(D)],
    "lm_head.weight": matrix(V, D, 0.8),
}


def case(rank, alpha, rslora, targets):
    scaling = alpha / math.sqrt(rank) if rslora else alpha / rank
    adapter = {}
    for name, weight in model.items():
        module = name[: -len(".weight")]
        if any(module.endswith("." + t) for t in targets):
            adapter["base_model.model." + module + ".lora_A.weight"] = matrix(rank, len(weight[0]), 0.5)
            adapter["base_model.model." + module + ".lora_B.weight"] = matrix(len(weight), rank, 0.5)

    def linear(module, x):
        y = times(model[module + ".weight"], x)
        a = adapter.get("base_model.model." + module + ".lora_A.weight")
        if a is None:
            return y
        b = adapter["base_model.model." + module + ".lora_B.weight"]
        return [u + v * scaling for u, v in zip(y, times(b, times(a, x)))]

    tokens = [3, 7, 1, 0, 10, 4]
    xs = [list(model["model.embed_tokens.weight"][t]) for t in tokens]
    keys, values, log_probs = [], [], []
    for t, x in enumerate(xs):
        h = norm(x, model[P + "input_layernorm.weight"])
        q = linear(P + "self_attn.q_proj", h)
        keys.append(rotated(linear(P + "self_attn.k_proj", h), t))
        values.append(linear(P + "self_attn.v_proj", h))
        mixed = []
        for head in range(H):
            query = rotated(q[head * W:(head + 1) * W], t)
            scores = [sum(a * b for a, b in zip(query, k)) / math.sqrt(W) for k in keys]
            shares = [math.exp(s - max(scores)) for s in scores]
            mixed += [sum(s * v[i] for s, v in zip(shares, values)) / sum(shares) for i in range(W)]
        x = [u + v for u, v in zip(x, linear(P + "self_attn.o_proj", mixed))]
        h = norm(x, model[P + "post_attention_layernorm.weight"])
        gate = [g / (1 + math.exp(-g)) for g in linear(P + "mlp.gate_proj", h)]
        inner = [g * u for g, u in zip(gate, linear(P + "mlp.up_proj", h))]
        x = [u + v for u, v in zip(x, linear(P + "mlp.down_proj", inner))]
        logits = times(model["lm_head.weight"], norm(x, model["model.norm.weight"]))
        if t + 1 < len(tokens):
            log_probs.append(logits[tokens[t + 1]] - max(logits) - math.log(sum(math.exp(z - max(logits)) for z in logits)))
    # As PEFT 0.17 writes it.
    config = {
        "alpha_pattern": {}, "auto_mapping": None, "base_model_name_or_path": "somewhere", "bias": "none", "corda_config": None, "eva_config": None,
        "exclude_modules": None, "fan_in_fan_out": False, "inference_mode": True, "init_lora_weights": True, "layer_replication": None,
        "layers_pattern": None, "layers_to_transform": None, "loftq_config": {}, "lora_alpha": alpha, "lora_bias": False, "lora_dropout": 0.05,
        "megatron_config": None, "megatron_core": "megatron.core", "modules_to_save": None, "peft_type": "LORA", "qalora_group_size": 16, "r": rank,
        "rank_pattern": {}, "revision": None, "target_modules": targets, "target_parameters": None, "task_type": "CAUSAL_LM",
        "trainable_token_indices": None, "use_dora": False, "use_qalora": False, "use_rslora": rslora,
    }
    return {"adapter_config": config, "adapter": adapter, "tokens": tokens, "log_probs": log_probs}


sizes = {"vocab": V, "hidden": D, "intermediate": F, "heads": H, "kv_heads": KV, "head_dim": W, "eps": EPS, "theta": THETA}
cases = [case(2, 4, False, ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]), case(3, 2, True, ["v_proj", "down_proj"])]
print(json.dumps({"made_by": "tools/reference/lora.py", "sizes": sizes, "model": model, "cases": cases}, separators=(",", ":")))
