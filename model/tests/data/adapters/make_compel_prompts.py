"""What compel makes of prompts: a table beside compel_prompts.json.

Run: python make_compel_prompts.py PROMPT_PARSER.PY compel_prompts.json compel_parsed.json     (pyparsing 3.3, prompt_parser.py of compel 2.5.1)

For each prompt {"prompt", "texts"}: ["flat", [[text, weight], ...], weight] for each text of a conjunction, or
["blend", [[[[text, weight], ...], weight], ...], whether weights are divided by their sum]. Of `.swap()` the original is listed.
Where compel itself fails on the prompt: "error": true and nothing else.
"""

import importlib.util
import json
import sys


def texts(parser, module, prompt):
    def flat(fragments):
        out = []
        for x in fragments:
            if isinstance(x, module.Fragment):
                out.append([x.text, x.weight])
            else:
                out += [[y.text, y.weight] for y in x.original]
        return out

    out = []
    conjunction = parser.parse_conjunction(prompt)
    for x, weight in zip(conjunction.prompts, conjunction.weights):
        if isinstance(x, module.Blend):
            out.append(["blend", [[flat(p.children), w] for p, w in zip(x.prompts, x.weights)], x.normalize_weights])
        else:
            out.append(["flat", flat(x.children), weight])
    return out or [["flat", [["", 1.0]], 1.0]]


if __name__ == "__main__":
    spec = importlib.util.spec_from_file_location("prompt_parser", sys.argv[1])
    module = importlib.util.module_from_spec(spec)
    sys.modules["prompt_parser"] = module
    spec.loader.exec_module(module)
    parser, table = module.PromptParser(), []
    for prompt in json.load(open(sys.argv[2])):
        try:
            table.append({"prompt": prompt, "texts": texts(parser, module, prompt)})
        except Exception:
            table.append({"prompt": prompt, "error": True})
    with open(sys.argv[3], "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(t, ensure_ascii=False) for t in table) + "\n]\n")
    print(len(table), "prompts", sum("error" in t for t in table), "errors")
