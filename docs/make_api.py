"""Renders api/openapi.json as Markdown:  python3 docs/make_api.py api/openapi.json > docs/api.md"""
import json
import sys


def last(reference):
    return reference.rsplit("/", 1)[1]


def type_of(schema):
    """A schema in a few words."""
    if "$ref" in schema:
        name = last(schema["$ref"])
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`\"{schema['const']}\"`"
    if "enum" in schema:
        return ", ".join("null" if v is None else f"`{v}`" for v in schema["enum"])
    if "oneOf" in schema:
        return " or ".join(type_of(s) for s in schema["oneOf"])
    kind = schema.get("type", "any")
    kind = " or ".join(kind) if isinstance(kind, list) else kind
    if kind == "array":
        return "array of " + type_of(schema.get("items", {})) if "items" in schema else "array"
    return kind


def range_of(schema):
    low, high = schema.get("minimum"), schema.get("maximum")
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if low is None and high is None and over is None and under is None:
        return ""
    left = f"({over}" if over is not None else f"[{low}" if low is not None else "(…"
    right = f"{under})" if under is not None else f"{high}]" if high is not None else "…)"
    return f"{left}, {right}"


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(cell(c) for c in row) + " |"
    yield ""


def code(value):
    yield "```json"
    yield json.dumps(value, indent=2, ensure_ascii=False)
    yield "```"
    yield ""


def resolve(api, thing):
    if "$ref" not in thing:
        return thing
    for part in thing["$ref"][2:].split("/"):
        api = api[part]
    return api


def parameters(api, operation):
    rows = []
    for p in (resolve(api, p) for p in operation.get("parameters", [])):
        schema = p["schema"]
        default = f"`{schema['default']}`" if "default" in schema else "needed" if p["required"] else ""
        rows.append((f"`{p['name']}`", p["in"], type_of(schema), range_of(schema), default, p["description"]))
    if rows:
        yield from table(("parameter", "in", "type", "range", "default", ""), rows)


def body(operation):
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        yield "Body: " + "; ".join(
            f"`{kind}`" + (f" {type_of(c['schema'])}" if "$ref" in c["schema"] else "") for kind, c in content.items())
        yield ""
    for kind in content.values():
        for example in kind.get("examples", {}).values():
            if "summary" in example:
                yield example["summary"] + ":"
                yield ""
            yield from code(example["value"])


def responses(api, operation):
    rows = []
    for status, r in operation["responses"].items():
        r = resolve(api, r)
        kinds = "; ".join(
            f"`{kind}`" + (f" {type_of(c['schema'])}" if "$ref" in c["schema"] else "")
            for kind, c in r.get("content", {}).items())
        rows.append((status, r["description"], kinds))
    yield from table(("status", "", "body"), rows)


def operations(api):
    for tag in api["tags"]:
        yield f"## {tag['name'].capitalize()}"
        yield ""
        yield tag["description"]
        yield ""
        for path, methods in api["paths"].items():
            for method, operation in methods.items():
                if tag["name"] not in operation["tags"]:
                    continue
                yield f"### `{method.upper()} {path}`"
                yield ""
                words = [operation["description"]] if "description" in operation else []
                words += ["Needs no token."] if operation.get("security") == [] else []
                yield operation["summary"] + ". " + " ".join(words)
                yield ""
                yield from parameters(api, operation)
                yield from body(operation)
                yield from responses(api, operation)


def schemas(api):
    yield "## Types"
    yield ""
    for name, schema in api["components"]["schemas"].items():
        yield f"### {name}"
        yield ""
        if "description" in schema:
            yield schema["description"]
            yield ""
        if "oneOf" in schema:
            yield "One of: " + type_of(schema) + "."
            yield ""
        needed = schema.get("required", [])
        rows = []
        for member, s in schema.get("properties", {}).items():
            default = f"`{json.dumps(s['default'])}`" if "default" in s else "needed" if member in needed else ""
            rows.append((f"`{member}`", type_of(s), range_of(s), default, s.get("description", "")))
        if rows:
            yield from table(("member", "type", "range", "default", ""), rows)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        api = json.load(file)
    lines = [f"# {api['info']['title']} {api['info']['version']}: the interface", "",
             "Made from `api/openapi.json` by `make docs`.", "", api["info"]["description"], ""]
    lines += operations(api)
    lines += schemas(api)
    sys.stdout.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
