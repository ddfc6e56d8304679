"""Figures over time as an SVG, one panel each, with a mark for each fault. Plain text: no library is asked for."""

WIDTH, PANEL, LEFT, TOP = 760, 110, 70, 34


def draw(file, rows, faults, figures):
    """`rows`: (second, {figure: value}); `faults`: (second, name); `figures`: {figure: label}."""
    end = rows[-1][0] or 1

    def x(second):
        return LEFT + (WIDTH - LEFT - 10) * second / end

    height = TOP + len(figures) * PANEL + 24
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="13">One process, {end / 60:.0f} minutes, {len(faults)} faults (grey)</text>',
    ]
    for i, (figure, label) in enumerate(figures.items()):
        most = max(row[figure] for _, row in rows) * 1.1 or 1
        bottom = TOP + (i + 1) * PANEL - 14

        def y(value, bottom=bottom, most=most):
            return bottom - (PANEL - 34) * value / most

        out += [f'<path d="M{x(at):.1f} {bottom}v{34 - PANEL}" stroke="#ddd"/>' for at, _ in faults]
        points = " ".join(f"{x(at):.1f},{y(row[figure]):.1f}" for at, row in rows)
        out += [
            f'<path d="M{LEFT} {bottom}H{WIDTH - 10}" stroke="#999"/>',
            f'<polyline points="{points}" fill="none" stroke="#1f77b4"/>',
            f'<text x="{LEFT}" y="{bottom - PANEL + 28}">{label}</text>',
            f'<text x="{LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
            f'<text x="{LEFT - 6}" y="{y(most / 1.1) + 4:.1f}" text-anchor="end">{most / 1.1:,.0f}</text>',
        ]
    out += [
        f'<text x="{x(minute * 60):.1f}" y="{height - 10}" text-anchor="middle">{minute} min</text>'
        for minute in range(0, int(end / 60) + 1, max(1, int(end / 600)))
    ]
    file.write_text("\n".join([*out, "</svg>", ""]))
