"""Figures 2 to 14: pictures, numbers, and whether they say what the paper says."""
import io
import math

import numpy as np
from PIL import Image

import material
from plots import COLOURS, panels, save, strip
from tables import judge, numbers


def power_of(encoding):
    """The name of a mapping of harmonics: "none", or its p."""
    if encoding["type"] == "none":
        return "none"
    a = encoding["a"]
    return "inf" if a[1] == 0 else f"{round(abs(math.log2(a[1])), 3):g}"


def label(p):
    return "no mapping" if p == "none" else "p = ∞" if p == "inf" else f"p = {p}"


def mean(values):
    return float(np.mean(values)) if len(values) else float("nan")


def picture_of(data):
    """[H, W, C] in [0, 1] of an uploaded file."""
    if data[:6] == b"\x93NUMPY":
        array = material.from_npy(data)
        return array[:, :, None] if array.ndim == 2 else array
    array = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=np.float64)
    return array / 255


def all_psnr(paper, job):
    """PSNR over all pixels, those of training among them."""
    truth = picture_of(paper.data(job))
    shown = material.from_npy(paper.archive.image(job["field_id"], truth.shape[1], "npy")).reshape(truth.shape)
    return -10 * math.log10(float(np.mean((np.clip(shown, 0, 1) - truth) ** 2)))


# --- theory alone ---

def relative(ours, theirs):
    return abs(ours - theirs) / abs(theirs)


def fig2(paper, done, picture):
    kernels = {n[2:]: a for n, a in paper.answers.items() if n.startswith("p ")}
    figure, axes = panels(1, 4, 11, 2.7)
    for ax, name, title in zip(axes, ("raw", "circle"), ("raw x", "(sin x, cos x)")):
        ax.imshow(np.array(paper.answers[name]["kernel"]), extent=(-0.5, 0.5, 0.5, -0.5), cmap="viridis")
        ax.set_title("kernel of " + title)
    for (p, answer), colour in zip(kernels.items(), COLOURS):
        row = np.array(answer["kernel"])
        axes[2].plot(np.arange(-16, 17) / 32, np.r_[row[16:], row[:17]], color=colour, label=label(p))
        axes[3].semilogy(np.arange(-16, 17), np.abs(np.r_[answer["spectrum"][16:], answer["spectrum"][:17]]), color=colour)
    axes[2].set_title("a row")
    axes[2].set_xlabel("offset")
    axes[2].legend(loc="upper right", handlelength=1)
    axes[3].set_title("its spectrum")
    axes[3].set_xlabel("frequency")
    save(figure, picture)
    text, worst = "| | K(0) | K(1) | K(8) | K(16) | eigenvalue 0 | 1 | 5 | 15 | 16 |\n|---|---|---|---|---|---|---|---|---|---|\n", 0
    for p in kernels:
        row = [kernels[p]["kernel"][i] for i in (0, 1, 8, 16)] + [abs(kernels[p]["spectrum"][i]) for i in (0, 1, 5, 15, 16)]
        text += f"| {label(p)} | " + " | ".join(f"{v:.5g}" for v in row) + " |\n"
        if p in paper.document["paper"]["rows"]:
            theirs = paper.document["paper"]["rows"][p] + paper.document["paper"]["eigenvalues"][p]
            text += "| the paper's | " + " | ".join(f"{v:g}" for v in theirs) + " |\n"
            worst = max([worst] + [relative(a, b) for a, b in zip(row, theirs) if b > 0.5 or abs(a - b) > 1e-4])
    ratio = {p: abs(a["spectrum"][1] / a["spectrum"][15]) for p, a in kernels.items()}
    grows = all(a < b for a, b in zip(list(ratio.values()), list(ratio.values())[1:]))
    said = (f"eigenvalue 1 over eigenvalue 15 grows from {ratio['0']:.3g} (p = 0) to {ratio['inf']:.3g} (p = ∞); the largest relative difference from the paper's numbers is {worst:.1e}, "
            "their rounding")
    still, raw = (np.array(paper.answers[n]["kernel"]) for n in ("circle", "raw"))
    spread = max(np.ptp(np.diagonal(still, k)) for k in range(99)) / still.max()
    said += f"; along its diagonals the kernel of (sin x, cos x) varies by {spread:.1e} of its largest value, that of raw x by {np.ptp(np.diagonal(raw)) / raw.max():.2f}"
    return text, said, judge([grows, worst < 1e-3, spread < 1e-6])


def fig7(paper, done, picture):
    figure, axes = panels(1, 2, 9, 2.8)
    shown, text, goods, worst = {}, "| | bin 0 | 1 | 2 | 43 | 64 |\n|---|---|---|---|---|---|\n", [], 0
    for name, answer in paper.answers.items():
        row = np.array(answer["kernel"])
        half = len(row) // 2
        shown[name] = np.abs(np.fft.fft(row)) / math.sqrt(len(row)) / row[half]  # the paper divides by K(0, 0.5)
        ax = axes[0 if name.startswith("one") else 1]
        ax.semilogy(np.arange(-half, half), np.fft.fftshift(shown[name]), color=COLOURS[[4, 8, 16].index(int(name.split()[-1]))],
                    label=name.split(", ")[1])
        text += f"| {name} | " + " | ".join(f"{shown[name][b]:.5g}" for b in (0, 1, 2, 43, 64)) + " |\n"
        theirs = paper.document["paper"].get(name)
        if theirs:
            text += "| the paper's | " + " | ".join(f"{theirs[str(b)]:g}" if str(b) in theirs else "–" for b in (0, 1, 2, 43, 64)) + " |\n"
    for ax, title in zip(axes, ("frequency 1", "frequencies 0, 0, 0, 0, 1 and 43")):
        ax.set_title(title)
        ax.set_xlabel("frequency of the kernel")
        ax.legend()
    for name, theirs in paper.document["paper"].items():
        worst = max([worst] + [relative(shown[name][int(b)], v) for b, v in theirs.items() if v > 0.1])
    save(figure, picture)
    one = [shown[f"one, depth {d}"] for d in (4, 8, 16)]
    two = [shown[f"two, depth {d}"] for d in (4, 8, 16)]
    goods = [worst < 1e-3, all(one[2][k] > one[0][k] for k in (20, 43)), all(t[43] > 3 * max(t[39], t[47]) for t in two)]
    said = (f"at bin 43 one frequency has {one[0][43]:.1e} at depth 4 and {one[2][43]:.1e} at depth 16, with frequency 43 it has {two[0][43]:.3f} and {two[2][43]:.3f}; the largest "
            f"relative difference from the paper's numbers is {worst:.1e}")
    return text, said, judge(goods)


# --- one dimension ---

def fig3(paper, done, picture):
    descent = paper.results["descent"]["cells"]
    start = {power_of(c["setting"]["/field/encoding"]): c["jobs"][0] for c in paper.results["start"]["cells"] if c["jobs"]}
    body = paper.bodies["descent"]["base"]
    rate, width = body["train"]["learning_rate"] / 32, body["field"]["network"]["width"]
    job = next(c["jobs"][0] for c in descent if c["jobs"])
    signal = material.from_npy(paper.data(job)).reshape(-1)
    x = np.arange(256) / 256
    points = [[float(v)] for v in x]
    trained = x * 32 % 1 == 0
    y = signal[trained]
    curves, bins = {}, (1, 5, 15)
    for cell in descent:
        p = power_of(cell["setting"]["/field/encoding"])
        encoding = cell["setting"]["/field/encoding"]
        if not cell["jobs"]:
            continue
        curve = curves.setdefault(p, {"encoding": encoding, "steps": [], "f": []})
        curve["steps"].append(cell["setting"]["/train/steps"])
        curve["f"].append(np.array(paper.archive.values(cell["jobs"][0]["field_id"], points))[:, 0])
    for p, curve in curves.items():
        first = np.array(paper.archive.values(start[p]["field_id"], points))[:, 0]
        answer = paper.archive.ask("/v1/ntk/regression", {
            "encoding": curve["encoding"], "network": {"n_hidden_layers": 3, "width": width}, "times": [rate * s for s in curve["steps"]],
            "train": {"x": x[trained].tolist(), "y": y.tolist(), "start": first[trained].tolist()},
            "test": {"x": x[~trained].tolist(), "start": first[~trained].tolist()}})
        told = []
        for prediction in answer["predictions"]:
            f = np.empty(256)
            f[trained] = np.array(prediction["train"]).reshape(-1)
            f[~trained] = np.array(prediction["test"]).reshape(-1)
            told.append(f)
        curve["told"] = told
        for kind in ("f", "told"):
            of = np.array(curve[kind])
            curve[kind + "_train"] = ((of[:, trained] - y) ** 2).mean(1)
            curve[kind + "_test"] = ((of[:, ~trained] - signal[~trained]) ** 2).mean(1)
            curve[kind + "_bins"] = np.abs(np.fft.fft(of[:, trained] - y, axis=1)) / 32
        curve["zero"] = np.abs(np.fft.fft(first[trained] - y)) / 32
    figure, axes = panels(2, 3, 10.5, 2.8)
    main = [p for p in ("0", "1", "inf", "none") if p in curves]
    axes[0].plot(x, signal, "k:", lw=1, label="target")
    for p, colour in zip(main, COLOURS):
        c = curves[p]
        axes[0].plot(x, c["f"][-1], color=colour, label=label(p))
        for ax, kind in ((axes[1], "test"), (axes[2], "train")):
            ax.loglog(c["steps"], c["f_" + kind], "o", ms=3, color=colour)
            ax.loglog(c["steps"], c["told_" + kind], "-", color=colour)
    axes[0].set_xlim(0.5, 0.75)
    axes[0].set_title("what was learned")
    axes[0].legend(handlelength=1)
    axes[1].set_title("test error: points; theory: lines")
    axes[2].set_title("training error")
    for i, b in enumerate(bins):
        ax = axes[3 + i]
        for p, colour in zip(main, COLOURS):
            c = curves[p]
            ax.loglog(c["steps"], c["f_bins"][:, b], "o", ms=3, color=colour)
            ax.loglog(c["steps"], c["told_bins"][:, b], "-", color=colour)
        ax.set_ylim(bottom=max(ax.get_ylim()[0], 1e-5))
        ax.set_title(f"residual at bin {b}")
        ax.set_xlabel("steps")
    save(figure, picture)
    text = "Errors at the end, observed and by theory; the ratio of observed to predicted training error over all points of the curve; and of the residual at bins 1, 5, 15 the relative error of what has decayed (|observed − predicted| over the residual at the start), the largest over the curve.\n\n"
    text += "| mapping | training error, theory | the paper's end | test error, theory | the paper's end | ratio: median (least … most) | bin 1 | bin 5 | bin 15 |\n|---|---|---|---|---|---|---|---|---|\n"
    medians, errors, theirs = [], [], paper.document["paper"]
    for p, c in curves.items():
        ratio = c["f_train"] / c["told_train"]
        worst = [float(np.max(np.abs(c["f_bins"][:, b] - c["told_bins"][:, b]) / c["zero"][b])) for b in bins]
        medians.append(float(np.median(ratio)))
        errors += worst
        text += (f"| {label(p)} | {c['f_train'][-1]:.2e}, {c['told_train'][-1]:.2e} | {theirs['train'].get(p, '–')} | {c['f_test'][-1]:.2e}, {c['told_test'][-1]:.2e} | {theirs['test'].get(p, '–')} "
                 f"| {np.median(ratio):.3f} ({ratio.min():.3f} … {ratio.max():.3f}) | " + " | ".join(f"{w:.1%}" for w in worst) + " |\n")
    left = {p: float(c["f_bins"][-1, 15] / c["zero"][15]) for p, c in curves.items()}
    faster = left["0"] < left["1"] < left["inf"]
    said = (f"over {len(medians)} mappings the median ratio of observed to predicted training error lies in {min(medians):.3f} … {max(medians):.3f}, the decay at bins 1, 5, 15 is foretold within "
            f"{max(errors):.1%} of the starting residual at worst and {np.median(errors):.1%} in the median; of bin 15 there is left {left['0']:.1%} with p = 0, {left['1']:.1%} with p = 1, {left['inf']:.1%} with p = ∞")
    return text, said, judge([0.8 < min(medians) and max(medians) < 1.25, max(errors) < 0.25, faster])


def spread_of(encoding):
    b = np.array(encoding["b"])
    return float(np.sqrt((b ** 2).sum(1).mean()))


def explained(points):
    """Of the variance of log error: by the spread alone (a smooth curve of log RMS), and by the family beside it."""
    x = np.log2([p[1] for p in points])
    y = np.array([p[2] for p in points])
    families = sorted({p[0] for p in points})
    which = np.array([[p[0] == f for f in families[1:]] for p in points], float)
    degree = min(5, len(points) // 4)
    x = (x - x.mean()) / x.std()
    smooth = np.stack([x ** k for k in range(degree + 1)], 1)

    def left(columns):
        return float(np.var(y - columns @ np.linalg.lstsq(columns, y, rcond=None)[0]) / np.var(y))
    alone = left(smooth)
    return 1 - alone, alone - left(np.hstack([smooth, which])), 1 - left(np.hstack([np.ones((len(y), 1)), which]))


def family_names(entry):
    return [e["$draw"] for e in entry["body"]["grid"]["/field/encoding"]]


def scatter(paper, name, value):
    """[(family, RMS, log10 error)] of each cell, for each of the datasets' alpha."""
    names = family_names(next(e for e in paper.entries if e["name"] == name))
    found = {}
    for family, cell in zip(names, paper.results[name]["cells"]):
        for job in cell["jobs"]:
            found.setdefault(paper.what(job), {}).setdefault((family, spread_of(cell["setting"]["/field/encoding"])), []).append(value(job))
    return {what: [(f, s, mean(v)) for (f, s), v in of.items()] for what, of in found.items()}


def draw_scatter(ax, points, ylabel):
    for family, colour in zip(("gaussian", "uniform", "log-uniform", "laplace"), COLOURS):
        of = sorted((p[1], p[2]) for p in points if p[0] == family)
        ax.plot([p[0] for p in of], [p[1] for p in of], "o", ms=4, color=colour, label=family)
    ax.set_xscale("log", base=2)
    ax.set_xlabel("RMS of the frequencies")
    ax.set_ylabel(ylabel)


def fig4(paper, done, picture):
    groups = scatter(paper, "families", lambda j: math.log10(j["metrics"]["test_mse"]))
    figure, axes = panels(1, len(groups), 10.5, 2.9)
    text = "| alpha | variance of log error told by the spread | more by the family | by the family alone | least error, at RMS | dense, best amplitudes |\n|---|---|---|---|---|---|\n"
    goods, words = [], []
    for ax, (alpha, points) in zip(axes, sorted(groups.items())):
        draw_scatter(ax, [(f, s, 10 ** v) for f, s, v in points], "test error" if alpha == min(groups) else "")
        ax.set_yscale("log")
        dense = [math.log10(j["metrics"]["test_mse"]) for c in paper.results[f"dense, alpha {alpha:g}"]["cells"] for j in c["jobs"]]
        ax.axhline(10 ** mean(dense), ls="--", color="k", lw=0.9, label="dense")
        ax.set_title(f"α = {alpha:g}")
        by_spread, by_family, alone = explained(points)
        best = min(points, key=lambda p: p[2])
        low, high = min(points, key=lambda p: p[1]), max(points, key=lambda p: p[1])
        inside = best[2] < low[2] and best[2] < high[2]
        text += f"| {alpha:g} | {by_spread:.0%} | {by_family:.0%} | {alone:.0%} | {10 ** best[2]:.2e}, {best[1]:.1f} | {10 ** mean(dense):.2e} |\n"
        goods += [by_spread > 0.6 and by_family < 0.1, inside]
        words.append(f"alpha {alpha:g}: {by_spread:.0%} and {by_family:.0%}, best inside: {'yes' if inside else 'no'}, {10 ** (best[2] - mean(dense)):.2f} times the error of the dense set")
    axes[0].legend(handlelength=1)
    save(figure, picture)
    return text, "of the variance of log error the spread tells, and the family adds — " + "; ".join(words), judge(goods)


def fig9(paper, done, picture):
    groups = scatter(paper, "families", lambda j: j["metrics"]["test_psnr"])
    merged = {}
    for points in groups.values():
        for f, s, v in points:
            merged.setdefault((f, s), []).append(v)
    points = [(f, s, mean(v)) for (f, s), v in merged.items()]
    figure, axes = panels(1, 1, 4.6, 3.0)
    draw_scatter(axes[0], points, "test PSNR, dB")
    axes[0].legend(handlelength=1)
    save(figure, picture)
    by_spread, by_family, alone = explained(points)
    text = "| family | best test PSNR | at RMS |\n|---|---|---|\n"
    tops = []
    for family in sorted({p[0] for p in points}):
        best = max((p for p in points if p[0] == family), key=lambda p: p[2])
        tops.append(best[2])
        text += f"| {family} | {best[2]:.2f} | {best[1]:.1f} |\n"
    span = max(p[2] for p in points) - min(p[2] for p in points)
    said = (f"the spread tells {by_spread:.0%} of the variance of PSNR, the family adds {by_family:.0%} ({alone:.0%} alone); the best of the families are within {max(tops) - min(tops):.2f} dB of each "
            f"other, all points within {span:.1f} dB")
    return text, said, judge([by_spread > 0.6 and by_family < 0.1, max(tops) - min(tops) < 0.25 * span])


def fig5(paper, done, picture):
    found = {}
    for cell in paper.results["powers"]["cells"]:
        for job in cell["jobs"]:
            found.setdefault(paper.what(job), {}).setdefault(power_of(cell["setting"]["/field/encoding"]), []).append(job["metrics"]["test_mse"])
    figure, axes = panels(1, 2, 9.5, 3.0)
    text = "| alpha | best p | its test error | p = 0 | p = ∞ | amplitudes by the theory |\n|---|---|---|---|---|---|\n"
    goods, tops, ratios = [], [], []
    for (alpha, of), colour in zip(sorted(found.items()), COLOURS):
        a = np.array(paper.answers[f"amplitudes, alpha {alpha:g}"])
        axes[0].loglog(np.arange(1, 65), np.abs(a) / np.abs(a).max(), color=colour, label=f"α = {alpha:g}")
        finite = [p for p in of if p != "inf"]
        ends = [float(p) for p in finite]
        axes[1].semilogy(ends, [mean(of[p]) for p in finite], "o-", ms=3, color=colour, label=f"α = {alpha:g}")
        axes[1].semilogy([2.3], [mean(of["inf"])], "s", ms=4, color=colour)
        best = min(of, key=lambda p: mean(of[p]))
        learned = [j["metrics"]["test_mse"] for c in paper.results[f"optimised, alpha {alpha:g}"]["cells"] for j in c["jobs"]]
        axes[1].axhline(mean(learned), ls=":", color=colour, lw=1)
        text += f"| {alpha:g} | {best} | {mean(of[best]):.2e} | {mean(of['0']):.2e} | {mean(of['inf']):.2e} | {mean(learned):.2e} |\n"
        goods.append(best not in ("0", "inf"))
        tops.append(float("9" if best == "inf" else best))
        ratios.append(mean(learned) / mean(of[best]))
    axes[0].set_ylim(1e-4, 2)
    axes[0].set_title("amplitudes chosen by the theory")
    axes[0].set_xlabel("frequency j")
    axes[0].legend()
    axes[1].set_title("trained: powers (squares: p = ∞), chosen (dotted)")
    axes[1].set_xlabel("p of a = j^-p")
    save(figure, picture)
    goods.append(all(a <= b for a, b in zip(tops, tops[1:])) and tops[0] < tops[-1])
    goods.append(max(ratios) < 1.25)
    said = (f"the best p is {', '.join(f'{t:g}' for t in tops)} for alpha {', '.join(f'{a:g}' for a in sorted(found))}; amplitudes chosen by the theory have "
            f"{', '.join(f'{r:.2f}' for r in ratios)} times the error of the best p")
    return text, said, judge(goods)


def fig14(paper, done, picture):
    figure, axes = panels(1, 1, 5.6, 2.9)
    text, spans = "| input | loss: mean over places | least … most | most over least |\n|---|---|---|---|\n", {}
    for cell, colour in zip(paper.results["shift"]["cells"], COLOURS):
        name = "raw x" if cell["setting"]["/field/encoding"]["type"] == "none" else "(sin x, cos x)"
        of = {}
        for job in cell["jobs"]:
            of.setdefault(paper.what(job), []).append(job["metrics"]["mse"])
        places = sorted(of)
        m = np.array([mean(of[c]) for c in places])
        s = np.array([np.std(of[c]) for c in places])
        axes[0].plot(places, m, color=colour, label=name)
        axes[0].fill_between(places, m - s, m + s, color=colour, alpha=0.25, lw=0)
        spans[name] = (m.max() / m.min(), float(np.std(m) / np.mean(m)))
        text += f"| {name} | {m.mean():.2e} | {m.min():.2e} … {m.max():.2e} | {m.max() / m.min():.2f} |\n"
    axes[0].set_xlabel("place of the bump")
    axes[0].set_ylabel("loss after 450 steps")
    axes[0].set_yscale("log")
    axes[0].legend()
    save(figure, picture)
    raw, circle = spans["raw x"], spans["(sin x, cos x)"]
    said = f"over the places the loss of raw x varies by a factor of {raw[0]:.2f} (std {raw[1]:.0%} of the mean), that of (sin x, cos x) by {circle[0]:.2f} ({circle[1]:.0%})"
    return text, said, judge([raw[1] > 3 * circle[1] and raw[0] > 2 * circle[0]])


# --- pictures ---

def fig6(paper, done, picture):
    found, text = {}, ""
    for cell in paper.results["features"]["cells"]:
        depth, m = cell["setting"]["/field/network/n_hidden_layers"], cell["setting"]["/field/encoding/n_frequencies"]
        found.setdefault(depth, {})[m] = [all_psnr(paper, j) for j in cell["jobs"]]
    ms = sorted(next(iter(found.values())))
    figure, axes = panels(1, 1, 5.0, 3.0)
    text = "PSNR over all pixels; in brackets the paper's, over 16 pictures.\n\n| layers | " + " | ".join(f"{m} features" for m in ms) + " |\n|---|" + "---|" * len(ms) + "\n"
    goods, means = [], {}
    for (depth, of), colour in zip(found.items(), COLOURS):
        theirs = paper.document["paper"][str(depth)]
        means[depth] = [mean(of[m]) for m in ms]
        axes[0].plot(ms, means[depth], "o-", ms=3, color=colour, label=f"{depth + 1} layers")
        text += f"| {depth + 1} | " + " | ".join(f"{v:.2f}" + (f" ({theirs[str(m)]:g})" if str(m) in theirs else "") for m, v in zip(ms, means[depth])) + " |\n"
        goods.append(all(a < b for a, b in zip(means[depth], means[depth][1:])))
    axes[0].set_xscale("log", base=2)
    axes[0].set_xlabel("frequencies m")
    axes[0].set_ylabel("PSNR, dB")
    axes[0].legend()
    save(figure, picture)
    depths = sorted(means)
    gains = {d: means[d][-1] - means[d][0] for d in depths}
    goods.append(all(gains[a] > gains[b] for a, b in zip(depths, depths[1:])))
    needs = {}
    level = min(v[-1] for v in means.values()) - 0.5
    for d in depths:
        needs[d] = 2 ** float(np.interp(level, means[d], np.log2(ms)))
    goods.append(all(needs[a] > needs[b] for a, b in zip(depths, depths[1:])))
    said = (f"from {ms[0]} to {ms[-1]} features " + ", ".join(f"{d + 1} layers gain {gains[d]:.1f} dB" for d in depths) + f"; {level:.1f} dB takes "
            + ", ".join(f"{needs[d]:.0f} of them with {d + 1} layers" if needs[d] > ms[0] else f"{ms[0]} or fewer with {d + 1} layers" for d in depths))
    return text, said, judge(goods)


def fig8(paper, done, picture):
    found = {}
    for cell in paper.results["trainable"]["cells"]:
        found[(cell["setting"]["/field/encoding/sigma"], cell["setting"]["/field/encoding/trainable"])] = [j["metrics"]["test_psnr"] for j in cell["jobs"]]
    sigmas = sorted({k[0] for k in found})
    text = "| test PSNR, dB | fixed | learned |\n|---|---|---|\n"
    for s in sigmas:
        text += f"| σ = {s:g} | {numbers(found[s, False], 2)} | {numbers(found[s, True], 2)} |\n"
    figure, axes = panels(1, 1, 4.4, 2.6)
    at = np.arange(len(sigmas))
    for i, learned in enumerate((False, True)):
        axes[0].bar(at + 0.36 * i - 0.18, [mean(found[s, learned]) for s in sigmas], 0.34, color=COLOURS[i], label="learned" if learned else "fixed")
    axes[0].set_xticks(at, [f"σ = {s:g}" for s in sigmas])
    axes[0].set_ylabel("test PSNR, dB")
    axes[0].legend(loc="upper right")
    save(figure, picture)
    gains = {s: mean(found[s, True]) - mean(found[s, False]) for s in sigmas}
    best = max(mean(found[s, False]) for s in sigmas)
    top = max(mean(found[s, True]) for s in sigmas)
    said = "learning changes test PSNR by " + ", ".join(f"{g:+.2f} dB at σ = {s:g}" for s, g in gains.items()) + f"; the best with learning has {top:.2f} dB, the best without {best:.2f}"
    return text, said, judge([all(g < 1 for g in gains.values()), top < best + 0.5])


def fig10(paper, done, picture):
    cells = paper.results["sigma"]["cells"]
    sigmas = [c["setting"]["/field/encoding/sigma"] for c in cells]
    jobs = [c["jobs"][0] for c in cells]
    test, train = [j["metrics"]["test_psnr"] for j in jobs], [j["metrics"]["psnr"] for j in jobs]
    figure, axes = panels(2, 1, 10, 2.6)
    axes[0].plot(sigmas, train, "o-", ms=3, color=COLOURS[0], label="training pixels")
    axes[0].plot(sigmas, test, "o-", ms=3, color=COLOURS[1], label="held-out pixels")
    axes[0].set_xscale("log", base=2)
    axes[0].set_xlabel("σ")
    axes[0].set_ylabel("PSNR, dB")
    axes[0].legend()
    shown = paper.results["shown"]["cells"]
    axes[1].imshow(np.asarray(strip([paper.archive.image(c["jobs"][0]["field_id"], 512, "png") for c in shown], picture)))
    axes[1].set_axis_off()
    axes[1].set_title("σ = " + ", ".join(f"{c['setting']['/field/encoding/sigma']:g}" for c in shown))
    save(figure, picture)
    text = "| σ | " + " | ".join(f"{s:g}" for s in sigmas) + " |\n|---|" + "---|" * len(sigmas) + "\n"
    text += "| training | " + " | ".join(f"{v:.2f}" for v in train) + " |\n| held out | " + " | ".join(f"{v:.2f}" for v in test) + " |\n"
    best = int(np.argmax(test))
    gap = [a - b for a, b in zip(train, test)]
    goods = [0 < best < len(test) - 1, train[0] < max(train) - 3 and gap[0] < 2, gap[-1] > gap[best] + 3]
    said = (f"the best is σ = {sigmas[best]:g} ({test[best]:.2f} dB); at σ = {sigmas[0]:g} training and held-out pixels are both low ({train[0]:.2f}, {test[0]:.2f}), at σ = {sigmas[-1]:g} training "
            f"pixels have {train[-1]:.2f} dB and held-out ones {test[-1]:.2f}")
    return text, said, judge(goods)


def fig11(paper, done, picture):
    found = {}
    for cell in paper.results["directions"]["cells"]:
        for job in cell["jobs"]:
            angle = round(paper.what(job)[1] % math.pi, 4)  # 180 degrees are the same wave as 0
            found.setdefault(cell["setting"]["/field/encoding"]["type"], {}).setdefault(angle, []).append(all_psnr(paper, job) - 20 * math.log10(2))
    figure, axes = panels(1, 1, 5.4, 2.9)
    text, varies, dips = "", {}, {}
    angles = sorted(found["gaussian"])
    text = "| degrees | " + " | ".join(f"{math.degrees(a):.0f}" for a in angles) + " |\n|---|" + "---|" * len(angles) + "\n"
    for (name, of), colour in zip(found.items(), COLOURS):
        m = [mean(of[a]) for a in angles]
        axes[0].plot(np.degrees(angles), m, "o-", ms=3, color=colour, label=name)
        text += f"| `{name}` | " + " | ".join(f"{v:.2f}" for v in m) + " |\n"
        varies[name] = float(np.std(m))
        axis = [v for a, v in zip(angles, m) if min(abs(a - k * math.pi / 2) for k in range(3)) < 0.01]
        diagonal = [v for a, v in zip(angles, m) if min(abs(a - math.pi / 4 - k * math.pi / 2) for k in range(2)) < 0.1]
        dips[name] = mean(axis) - mean(diagonal)
    axes[0].set_xlabel("direction of the wave, degrees")
    axes[0].set_ylabel("PSNR, dB")
    axes[0].legend()
    save(figure, picture)
    said = (f"waves along the axes are better than diagonal ones by {dips['positional']:.2f} dB with positional features and {dips['gaussian']:.2f} with Gaussian; over directions PSNR has a "
            f"standard deviation of {varies['positional']:.2f} dB and {varies['gaussian']:.2f}")
    return text, said, judge([dips["positional"] > 0.5, varies["gaussian"] < 0.6 * varies["positional"]])
