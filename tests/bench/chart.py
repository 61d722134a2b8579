"""Results of bench.py as an SVG chart: speed relative to ONNX Runtime, readable on light and dark pages."""
from xml.sax.saxutils import escape

STYLE = '''
text { font: 12px system-ui, sans-serif; fill: #333 }
.title { font-size: 15px; font-weight: 600 }
.number, .note { font-size: 11px; fill: #666 }
.axis { stroke: #888; stroke-width: 1 }
.c { fill: #1f77b4 } .llvm { fill: #17a589 } .ort { fill: #999 } .torch { fill: #e08214 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd } .number, .note { fill: #aaa }
  .c { fill: #5aa9e6 } .llvm { fill: #48c9b0 } .ort { fill: #888 } .torch { fill: #f0a050 }
}
'''
LEFT, WIDTH, BAR, GAP, TOP = 190, 480, 13, 14, 58


def draw(rows, kinds, titles):
    base = 'ort' if 'ort' in kinds else 'c'
    speed = [{k: r['ms'][base] / r['ms'][k] for k in kinds} for r in rows]
    scale = WIDTH / max(1, max((max(s.values()) for s in speed), default=1))
    step = len(kinds) * BAR + GAP
    height, width = TOP + len(rows) * step + 8, LEFT + WIDTH + 130
    out = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img">'
           '<style>%s</style>' % (width, height, width, height, STYLE),
           '<text class="title" x="8" y="20">Speed, %s = 1 (longer is faster)</text>' % escape(titles[base])]
    at, x = LEFT + scale, 8
    out.append('<line class="axis" x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke-dasharray="3 3"/>' % (
        at, at, TOP - 4, height - 4))
    for k in kinds:
        out.append('<rect class="%s" x="%d" y="31" width="11" height="11" rx="2"/>'
                   '<text x="%d" y="41">%s</text>' % (k, x, x + 16, escape(titles[k])))
        x += 34 + 7 * len(titles[k])
    for i, (row, s) in enumerate(zip(rows, speed)):
        y = TOP + i * step
        name = '%s, %d thread%s' % (row['net'], row['threads'], 's' if row['threads'] > 1 else '')
        out.append('<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + len(kinds) * BAR // 2 + 4, escape(name)))
        for j, k in enumerate(kinds):
            out.append('<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>'
                       '<text class="number" x="%.1f" y="%d">%.2f (%.3g ms)</text>' % (
                           k, LEFT, y + j * BAR, s[k] * scale, BAR - 2, LEFT + s[k] * scale + 5, y + j * BAR + 10, s[k],
                           row['ms'][k]))
    return '\n'.join(out) + '\n</svg>\n'
