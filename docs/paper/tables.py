"""Tables 1 and 3 to 7."""
import math
import statistics

COLUMNS = {"natural": "natural pictures", "text": "text", "shapes": "shapes", "phantoms": "Shepp-Logan phantoms", "slices": "slices of heads",
           "volumes": "volumes", "views": "lego, or a scene"}
FOUR = ["none", "basic", "positional", "gaussian"]


def mapping(setting):
    encoding = setting["/field/encoding"]
    return encoding["type"] + (", rotated" if encoding.get("rotate") else "")


def size(setting):
    e = setting["/field/encoding"]
    words = [f"{k} {e[m]:g}" for m, k in (("sigma", "σ"), ("scale", "scale"), ("n_octaves", "octaves")) if m in e]
    return ", ".join(words)


def numbers(values, digits):
    return f"{statistics.fmean(values):.{digits}f} ± {statistics.pstdev(values):.{digits}f}" if values else "–"


def values_of(paper, column):
    metric = paper.document["metric"]
    return {mapping(c["setting"]): ([j["metrics"][metric] for j in c["jobs"]], c) for c in paper.column(column)}


def columns_of(paper):
    return list(dict.fromkeys(e["column"] for e in paper.entries))


def ordered(means, names, digits):
    """Words, and whether each is above the one before it (within a rounding)."""
    names = [n for n in names if n in means]
    good = [means[a] < means[b] for a, b in zip(names, names[1:])]
    said = " < ".join(f"{n} {means[n]:.{digits}f}" if i == 0 or good[i - 1] else f"(not below) {n} {means[n]:.{digits}f}"
                      for i, n in enumerate(names))
    return said, good


def judge(goods):
    return True if all(goods) else False if not any(goods) else None


def table(paper, done, picture):
    digits = paper.document.get("digits", 2)
    text, said, goods = "", [], []
    for column in columns_of(paper):
        found = values_of(paper, column)
        theirs = paper.document["paper"][column]
        text += f"| {COLUMNS[column]} | here | the paper's | each |\n|---|---|---|---|\n"
        for name in theirs:
            values, cell = found[name]
            each = ", ".join(f"{v:.{digits}f}" for v in values)
            label = f"`{name}`" + (f", {size(cell['setting'])}" if size(cell["setting"]) else "")
            text += f"| {label} | {numbers(values, digits)} | {theirs[name][0]:.{digits}f} ± {theirs[name][1]:.{digits}f} | {each} |\n"
        text += "\n"
        means = {n: statistics.fmean(v) for n, (v, _) in found.items() if v}
        names = paper.document["conclusion"].split(" < ")
        words, good = ordered(means, names, digits)
        said.append(f"{COLUMNS[column]}: {words}")
        goods += good
        baseline = [j["metrics"].get("baseline_psnr") for _, c in found.values() for j in c["jobs"]]
        if paper.name in ("table5", "table6") and all(baseline):
            text += f"The classic inverse ({'filtered back-projection' if paper.name == 'table5' else 'zero filling'}) has {statistics.fmean(baseline):.2f} dB.\n\n"
    return text, "; ".join(said), judge(goods)


def table1(paper, done, picture):
    rows, said, goods = [], [], []
    for name in paper.document["needs"]:
        of = done[name]
        digits = of.document.get("digits", 2)
        for column in columns_of(of):
            found = values_of(of, column)
            theirs = of.document["paper"][column]
            row, means = [], {}
            for m in FOUR:
                key = m + ", rotated" if column == "views" and m == "positional" else m
                means[m] = statistics.fmean(found[key][0] or [math.nan])
                row.append(f"{means[m]:.{digits}f} ({theirs[key][0]:.{digits}f})")
            rows.append(f"| {COLUMNS[column]} | " + " | ".join(row) + f" | {of.document['metric']} |\n")
            words, good = ordered(means, FOUR, digits)
            goods += good
            if not all(good):
                said.append(f"{COLUMNS[column]}: {words}")
    text = "In brackets the paper's. `positional` of the scene is rotated, as the paper's.\n\n| | " + " | ".join(f"`{m}`" for m in FOUR) + " | |\n|---|---|---|---|---|---|\n" + "".join(rows)
    n = sum(goods)
    return text, f"{n} of {len(goods)} steps from one mapping to the next go up" + ("; not those of " + "; ".join(said) if said else ""), judge(goods)
