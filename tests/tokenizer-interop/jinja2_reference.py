"""Holds chat templates, as this project's Jinja rendered them, against Jinja2 itself, set up as Hugging Face's apply_chat_template does.

    G2RL_TEMPLATES=FOLDER_OF_JINJA_FILES dotnet run --project tests/G2RL.Onnx.Tests -c Release -- --filter "FullyQualifiedName~TemplatesOfAFolder"
    python3 tests/tokenizer-interop/jinja2_reference.py        # needs jinja2 (Debian: python3-jinja2)

A case agrees if both give the same text, or both refuse. Ends with 1 where one does not.
"""
import datetime
import json
import pathlib
import sys

import jinja2.ext
import jinja2.sandbox

TODAY = datetime.datetime(2026, 3, 7, 9, 5)
ROOT = pathlib.Path(__file__).resolve().parents[2] / "artifacts" / "tokenizer-interop" / "templates"


class Generation(jinja2.ext.Extension):
    """The block {% generation %}, which marks what the assistant says and renders what it holds."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        return jinja2.nodes.Scope(parser.parse_statements(["name:endgeneration"], drop_needle=True), lineno=line)


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def environment():
    made = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    made.filters["tojson"] = to_json
    made.globals["raise_exception"] = refuse
    made.globals["strftime_now"] = TODAY.strftime
    return made


def main():
    templates = sorted(ROOT.glob("public/*/")) if (ROOT / "public").exists() else sorted(ROOT.glob("*/"))
    total = same = refused = 0
    for folder in templates:
        template = environment().from_string((folder / "template.jinja").open(encoding="utf-8", newline="").read())
        different = []
        counts = [0, 0]
        for line in (folder / "cases.jsonl").open(encoding="utf-8"):
            case = json.loads(line)
            try:
                text, error = template.render(**case["variables"]), None
            except Exception as e:  # whatever a template may run into
                text, error = None, f"{type(e).__name__}: {e}"
            if text == case.get("text") and (error is None) == ("error" not in case):
                counts[error is not None] += 1
            else:
                different.append((case, text, error))
        total, same, refused = total + sum(counts) + len(different), same + counts[0], refused + counts[1]
        print(f"{folder.name}: {counts[0]} the same, {counts[1]} refused by both, {len(different)} different")
        for case, text, error in different[:2]:
            print(f"  variables {json.dumps(case['variables'], ensure_ascii=False)[:1500]}\n    ours  {case.get('text', case.get('error'))!r}\n    theirs {text if error is None else error!r}")
    print(f"{len(templates)} templates, {total} cases: {same} the same text, {refused} refused by both, {total - same - refused} different")
    return 0 if templates and total == same + refused else 1


if __name__ == "__main__":
    sys.exit(main())
