"""The figures as a picture: how far each is from what it must be, as SVG that is read by day and night."""

import math
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 860, 290, 80
LINE, TOP, BOTTOM = 26, 58, 44
LEAST, MOST = 1 / 8, 8  # of `must`; beyond is drawn at the edge

STYLE = """
  text { font: 13px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #24292f; }
  .title { font-size: 16px; font-weight: 600; }
  .quiet { fill: #57606a; font-size: 12px; }
  .grid { stroke: #d0d7de; }
  .must { stroke: #57606a; stroke-width: 1.5; }
  .good { fill: #1a7f37; stroke: #1a7f37; }
  .poor { fill: #bc4c00; stroke: #bc4c00; }
  .span { stroke-width: 3; stroke-linecap: round; opacity: 0.45; }
  .aim { stroke: #57606a; stroke-width: 1.5; fill: none; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .quiet { fill: #9da7b1; }
    .grid { stroke: #30363d; }
    .must, .aim { stroke: #9da7b1; }
    .good { fill: #3fb950; stroke: #3fb950; }
    .poor { fill: #f0883e; stroke: #f0883e; }
  }
"""


def place(times):
    """Where so many times `must` lies."""
    times = min(max(times, LEAST), MOST)
    share = math.log(times / LEAST) / math.log(MOST / LEAST)
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def draw(judged):
    """`judged`: what tables.judged gives."""
    shown = [each for each in judged if each.values]
    height = TOP + LINE * len(shown) + BOTTOM
    bottom = height - BOTTOM
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
           f'viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Each figure over what it must be">',
           f"<style>{STYLE}</style>",
           '<text class="title" x="12" y="24">Each figure over what it must be: right of the line is better</text>',
           '<text class="quiet" x="12" y="43">dot: median of the rounds; bar: least to most; diamond: what is '
           'aimed at</text>']
    for times in (1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8):
        x = place(times)
        kind = "must" if times == 1 else "grid"
        words = "must" if times == 1 else f"{times:g}×" if times > 1 else f"1/{1 / times:g}"
        out.append(f'<line class="{kind}" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        out.append(f'<text class="quiet" x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{words}</text>')
    for index, each in enumerate(shown):
        out += line_of(each, TOP + LINE * index + LINE / 2)
    return "\n".join([*out, "</svg>", ""])


def line_of(each, y):
    figure = each.figure

    def over(value):
        return figure.must / value if figure.less_is_better else value / figure.must

    value = over(each.value)
    kind = "good" if value >= 1 else "poor"
    least, most = sorted((place(over(min(each.values))), place(over(max(each.values)))))
    aim = place(over(figure.aim))
    return [f'<text x="{LEFT - 14}" y="{y + 4.5:.1f}" text-anchor="end">'
            f'{escape(figure.short)}</text>',
            f'<line class="span {kind}" x1="{least:.1f}" y1="{y:.1f}" x2="{most:.1f}" y2="{y:.1f}"/>',
            f'<path class="aim" d="M{aim:.1f} {y - 5:.1f}l5 5l-5 5l-5 -5z"/>',
            f'<circle class="{kind}" cx="{place(value):.1f}" cy="{y:.1f}" r="5"/>',
            f'<text class="quiet" x="{WIDTH - RIGHT + 16}" y="{y + 4.5:.1f}">{value:.2f}×</text>']
