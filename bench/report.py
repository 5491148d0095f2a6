"""bench/RESULTS.md and the charts: every figure from the samples, none by hand."""

import cells
import chart
import goals
from figures import short

SERIES = (("libiscsi", "raw"), ("nbdkit memory", "nbd"), ("qemu-nbd", "nbd"),
          ("qemu-storage-daemon", "nbd"), ("holdfast none", "nbd"), ("holdfast memory", "nbd"),
          ("holdfast coalesce", "nbd"), ("holdfast ordered", "nbd"))

JUDGED_AGAIN = "* Judged again, from the samples,"


def names(row):
    return row[0] if row[1] == "raw" else f"{row[0]}, {row[1].upper()}"


def table(head, rows):
    yield "| " + " | ".join(head) + " |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield "| " + " | ".join(row) + " |"


def cell_rows(figures, world, cell):
    """One row per candidate: rate with spread, latency, CPU time, memory, ratios to Q and L."""
    key = "mb_s" if cell in cells.THROUGHPUT else "iops"
    judge = goals.World(figures, *world)
    peer, raw = judge.peer(cell, key), judge.raw(cell, key)
    for row in figures.candidates():
        spread = figures.spread(*world, *row, cell, key)
        if not spread:
            continue
        low, middle, high = spread
        other = [short(figures.median(*world, *row, cell, key2))
                 for key2 in ("p50_us", "p99_us", "cpu_us", "all_cpu_us", "busy_cpus", "peak_mib")]
        yield [names(row), f"{short(middle)} ({short(low)} – {short(high)})", *other,
               f"{middle / peer:.2f}" if peer else "–", f"{middle / raw:.2f}" if raw else "–"]


def world_title(world):
    regime, backing = world
    return f"{'idle CPUs' if regime == 'idle' else 'CPUs kept awake'}, LUN on {backing}"


def cell_part(figures, world):
    yield f"## Figures: {world_title(world)}"
    yield ""
    for cell, title in cells.TITLES.items():
        rows = list(cell_rows(figures, world, cell))
        if rows:
            yield f"### {title} (`{cell}`)"
            yield ""
            yield from table(["", f"{cells.unit(cell)}, median (lowest – highest)", "p50 µs",
                              "p99 µs", "CPU µs/op", "CPU of all µs/op", "CPUs busy",
                              "peak MiB", "/ Q", "/ L"], rows)
            yield ""


def scene_part(figures, world):
    wanted = (("outage", "p99_before_us", "p99 before, µs"),
              ("outage", "p99_us", "p99 during, µs"),
              ("outage", "drain_mb", "kept, MB"), ("outage", "return_s", "found again, s"),
              ("outage", "drain_mb_s", "drain, MB/s"),
              ("outage", "raw_mb_s", "libiscsi then, MB/s"),
              ("outage", "copy_mb_s", "qemu-img then, MB/s"),
              ("start", "dirty_mib", "dirty at the start, MiB"), ("start", "seconds", "start, s"))
    rows = []
    for row in figures.candidates():
        values = [figures.median(*world, *row, cell, key) for cell, key, _ in wanted]
        if any(value is not None for value in values):
            rows.append([names(row), *map(short, values)])
    if rows:
        yield f"### An outage: {world_title(world)}"
        yield ""
        yield from table(["", *(title for _, _, title in wanted)], rows)
        yield ""


def bound_rows(figures, world):
    for number, _, conditions, _ in goals.judge(figures, *world):
        for condition in conditions:
            if condition.is_missed():
                yield [number, condition.text(), condition.bound_text()]


def bound_part(figures, world):
    rows = list(bound_rows(figures, world))
    if rows:
        yield ("What bounds those that are not met, by what the parts of the way needed in the "
               "same run (`bench/bounds.py`):")
        yield ""
        yield from table(["", "measured", "the best that it could be"], rows)
        yield ""


def condition_texts(conditions):
    """All of them, or of many those that are missed, behind their number."""
    missed = [c.text() for c in conditions if c.is_missed()]
    if len(conditions) <= 3 or not missed:
        return "; ".join(c.text() for c in conditions)
    return f"missed {len(missed)} of {len(conditions)}: {'; '.join(missed)}"


def goal_part(figures, worlds):
    yield "## Goals"
    yield ""
    yield ("J: raw journal device; L: libiscsi raw; Q: the best of qemu-nbd and "
           "qemu-storage-daemon by NBD. Medians of one run, compared within a regime.")
    yield ""
    for world in worlds:
        yield f"### {world_title(world)}"
        yield ""
        yield from table(["", "goal", "measured", ""],
                         ([number, title, condition_texts(conditions),
                           f"**{verdict}**" if verdict == "NOT MET" else verdict]
                          for number, title, conditions, verdict in goals.judge(figures, *world)))
        yield ""
        yield from bound_part(figures, world)


def charted(figures, world):
    """Multiples of Q, for the cells that Q has."""
    judge = goals.World(figures, *world)
    for cell in cells.TITLES:
        key = "mb_s" if cell in cells.THROUGHPUT else "iops"
        peer = judge.peer(cell, key)
        if peer:
            values = [figures.median(*world, *row, cell, key) for row in SERIES]
            yield cell, [value / peer if value else None for value in values]


def write_charts(figures, folder, prefix):
    """The names of the files."""
    written = []
    for regime, backing in figures.worlds():
        rows = list(charted(figures, (regime, backing)))
        if rows:
            name = f"{prefix}-{regime}-{backing}.svg"
            text = chart.draw(f"holdfast and its peers: {world_title((regime, backing))}",
                              "rate as a multiple of the best qemu peer by NBD (dashed); medians",
                              [names(row) for row in SERIES], rows)
            (folder / name).write_text(text, encoding="utf-8")
            written.append(name)
    return written


def judged(figures, charts):
    yield from goal_part(figures, figures.worlds())
    yield from (f"![{name}]({name})" for name in charts)
    yield ""
    for world in figures.worlds():
        yield from cell_part(figures, world)
        yield from scene_part(figures, world)


def write_lines(path, lines):
    path.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


def write_again(path, figures, charts):
    """As write_results(), of a run that has its head there already."""
    head = path.read_text(encoding="utf-8").split("\n## Goals\n")[0].rstrip().splitlines()
    head = [line for line in head if not line.startswith(JUDGED_AGAIN)]
    write_lines(path, [*head, f"{JUDGED_AGAIN} by `bench/compare --again`.", "",
                       *judged(figures, charts)])


def write_results(path, figures, facts, notes, charts, is_short):
    lines = ["# Results", "",
             "Written by `bench/compare`; no figure is typed by hand. The samples are in "
             f"[{path.stem}.csv]({path.stem}.csv).", ""]
    if is_short:
        lines += ["**A short run, which proves only that the bench works: its figures are worth "
                  "nothing.**", ""]
    lines += table(["", ""], ([key, str(value)] for key, value in facts.items()))
    lines.append("")
    lines += [f"* {note}" for note in notes]
    write_lines(path, [*lines, "", *judged(figures, charts)])


def print_goals(figures):
    """The verdicts on the terminal; how many were not met."""
    missed = 0
    for world in figures.worlds():
        print(f"\nGoals: {world_title(world)}")
        for number, title, conditions, verdict in goals.judge(figures, *world):
            missed += verdict == "NOT MET"
            print(f"  {number:<4}{verdict:<13}{title}")
            for condition in conditions:
                print(f"      {condition.text()}")
    return missed
