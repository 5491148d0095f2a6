"""A small SVG: for each cell a group of bars, one for each candidate, as multiples of a peer."""

from xml.sax.saxutils import escape

COLOURS = ("#9aa0a6", "#c5c9ce", "#e8a33d", "#c9732b", "#7cb5ec", "#2f7ed8", "#1f4e96", "#0b2545")
BAR, GAP, LEFT, WIDTH, TOP = 11, 10, 150, 620, 60


def bars(cells, series):
    """Yields (y, label or None, colour, value) from the top down."""
    y = TOP
    for cell, values in cells:
        for i, value in enumerate(values):
            yield y, cell if i == 0 else None, COLOURS[i % len(COLOURS)], value
            y += BAR
        y += GAP
    assert all(len(values) == len(series) for _, values in cells)


def draw(title, note, series, cells):
    """series: names; cells: (name, [value or None per series]); values are multiples (1 is par)."""
    largest = max([value for _, values in cells for value in values if value] + [1.0])
    scale = (WIDTH - LEFT - 60) / largest
    height = TOP + len(cells) * (len(series) * BAR + GAP) + 20 + 16 * ((len(series) + 2) // 3)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="10">',
             f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
             f'<text x="10" y="20" font-size="14">{escape(title)}</text>',
             f'<text x="10" y="38" fill="#555">{escape(note)}</text>']
    bottom = TOP + len(cells) * (len(series) * BAR + GAP)
    for y, label, colour, value in bars(cells, series):
        if label:
            parts.append(f'<text x="{LEFT - 6}" y="{y + BAR - 2}" text-anchor="end">'
                         f'{escape(label)}</text>')
        if value:
            width = value * scale
            parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 1}" '
                         f'fill="{colour}"/>')
            parts.append(f'<text x="{LEFT + width + 4:.1f}" y="{y + BAR - 2}" font-size="8" '
                         f'fill="#555">{value:.2f}</text>')
    par = LEFT + scale
    parts.append(f'<line x1="{par:.1f}" x2="{par:.1f}" y1="{TOP - 6}" y2="{bottom}" '
                 'stroke="#333" stroke-dasharray="3 3"/>')
    for i, name in enumerate(series):
        x, y = 10 + i % 3 * (WIDTH // 3), bottom + 14 + i // 3 * 16
        parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" '
                     f'fill="{COLOURS[i % len(COLOURS)]}"/>')
        parts.append(f'<text x="{x + 15}" y="{y + 9}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
