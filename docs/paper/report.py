"""What stands in docs/results.md of each table and figure: numbers beside the paper's, a picture, and the verdict on its conclusion."""
import json
import shutil

import figures
import tables

# What comes first.
ORDER = ["table1", "table3", "table4", "table5", "table6", "table7", "fig2", "fig3", "fig4", "fig5", "fig6", "fig7", "fig8", "fig9", "fig10",
         "fig11", "fig14"]


def verdict(paper, said, confirmed):
    words = {True: "**Confirmed**", False: "**Contradicted**", None: "**Partly confirmed**"}[confirmed]
    return f"The paper's conclusion: {paper.document['conclusion']}. {words}: {said}.\n"


def write(paper, done, keep, out):
    """The section of a document, into a file of its own, and its pictures."""
    made = keep / "sections"
    made.mkdir(exist_ok=True)
    maker = getattr(tables, paper.name, None) or getattr(figures, paper.name, None) or tables.table
    picture = made / f"{paper.name}.png"
    body, said, confirmed = maker(paper, done, picture)
    command = f"make paper PROFILE={paper.profile}{' DATA=…' if paper.stuff.folder else ''} ONLY={paper.name}"
    text = f"## {paper.document['title']}\n\n"
    if paper.document.get("shows"):
        text += paper.document["shows"] + ".\n\n"
    if picture.exists():
        text += f"![{paper.document['title']}](results/{paper.name}.png)\n\n"
    text += body + "\n" + verdict(paper, said, confirmed) + "\n"
    differs = paper.document["differs"].get(paper.profile, "")
    if differs:
        text += f"What differs, and why: {differs}\n\n"
    settings = f"[sweeps/{paper.name}.json](paper/sweeps/{paper.name}.json)" if paper.entries else "those of the tables"
    text += f"Settings: {settings}; `{command}`.\n\n"
    (made / f"{paper.name}.md").write_text(text)
    (made / f"{paper.name}.verdict").write_text(json.dumps([paper.document["title"], paper.document["conclusion"], confirmed, said]))


def assemble(head, keep, out):
    """One document of all the sections there are."""
    made = keep / "sections"
    names = [n for n in ORDER if (made / f"{n}.md").exists()]
    words = {True: "confirmed", False: "contradicted", None: "partly confirmed"}
    text = head + "| | the paper's conclusion | by these numbers |\n|---|---|---|\n"
    for name in names:
        title, conclusion, confirmed, _ = json.loads((made / f"{name}.verdict").read_text())
        anchor = "".join(c for c in title.lower().replace(" ", "-") if c.isalnum() or c == "-")
        text += f"| [{title}](#{anchor}) | {conclusion} | {words[confirmed]} |\n"
    text += "\n" + "".join((made / f"{n}.md").read_text() for n in names)
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures = out.parent / "results"
    for name in names:
        if (made / f"{name}.png").exists():
            pictures.mkdir(exist_ok=True)
            shutil.copyfile(made / f"{name}.png", pictures / f"{name}.png")
    if out.parent.name != "docs":  # elsewhere the links to the settings lead nowhere
        text = text.replace("](paper/sweeps/", "](../../../docs/paper/sweeps/")
    out.write_text(text.rstrip() + "\n")
