"""Samples and what is made of them: medians, spread, ratios; the CSV."""

import csv
import statistics

COLUMNS = ("regime", "backing", "round", "candidate", "front", "cell")


class Figures:
    """All samples of a run; a sample is one cell of one candidate in one round."""

    def __init__(self):
        self.samples = []
        self.failures = 0  # of holdfast

    def add(self, regime, backing, number, candidate, cell, values):
        self.samples.append({"regime": regime, "backing": backing, "round": number,
                             "candidate": candidate.name, "front": candidate.front,
                             "cell": cell, **values})

    def values(self, regime, backing, candidate, front, cell, key):
        return [s[key] for s in self.samples if key in s and
                (s["regime"], s["backing"], s["candidate"], s["front"], s["cell"]) ==
                (regime, backing, candidate, front, cell)]

    def median(self, *where):
        """None where nothing was measured."""
        values = self.values(*where)
        return statistics.median(values) if values else None

    def spread(self, *where):
        """(lowest, median, highest), or None."""
        values = self.values(*where)
        return (min(values), statistics.median(values), max(values)) if values else None

    def worlds(self):
        """The (regime, backing) pairs in the order in which they were measured."""
        return list(dict.fromkeys((s["regime"], s["backing"]) for s in self.samples))

    def candidates(self):
        return list(dict.fromkeys((s["candidate"], s["front"]) for s in self.samples))

    def write_csv(self, path):
        keys = list(dict.fromkeys(key for s in self.samples for key in s if key not in COLUMNS))
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*COLUMNS, *keys])
            writer.writeheader()
            writer.writerows(self.samples)


def read_csv(path):
    """What write_csv() wrote."""
    figures = Figures()
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            values = {key: float(text) for key, text in row.items() if key not in COLUMNS and text}
            figures.samples.append({key: row[key] for key in COLUMNS} | values)
    return figures


def ratio(one, other):
    return one / other if one is not None and other else None


def short(number):
    """Three digits that count."""
    if number is None:
        return "–"
    if number >= 1e6:
        return f"{number / 1e6:.3g}M"
    if number >= 1e4:
        return f"{number / 1e3:.0f}k" if number >= 1e5 else f"{number / 1e3:.1f}k"
    return f"{number:.0f}" if number >= 100 else f"{number:.3g}"
