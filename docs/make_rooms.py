"""Draw the rooms of the package, in the order in which they may import each other, into ``docs/rooms.svg``."""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WIDTH, ROW, GAP, LEFT = 760, 30, 6, 130
COLOURS = {"forecast": "#f4c095", "training": "#e8d595", "features": "#b9d6b1", "data": "#a9c9dd"}
STYLE = (
    "text{font:13px sans-serif;fill:#222}.top{font-weight:bold;font-size:15px}"
    ".file{fill:#fff;stroke:#999}.room{stroke:#555}"
)


def layers(top: str) -> list[list[str]]:
    """The rooms and single modules of one folder, from the one that imports all others downwards."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    (found,) = (c["layers"] for c in contracts["contracts"] if c["name"] == f"rooms of {top}")
    return [layer.split(" | ") for layer in found]


def drawing() -> str:
    """The picture as SVG: a band per folder, a row per layer, a coloured box per room, a white one per module."""
    parts, y = [], 10
    for top, colour in COLOURS.items():
        rows = layers(top)
        height = len(rows) * (ROW + GAP) + GAP
        parts.append(
            f'<rect x="10" y="{y}" width="{WIDTH - 20}" height="{height}" rx="6" fill="{colour}" opacity=".35"/>'
        )
        parts.append(f'<text class="top" x="24" y="{y + height / 2 + 5:g}">{top}/</text>')
        for k, row in enumerate(rows):
            width = (WIDTH - LEFT - 20 - GAP * len(row)) / len(row)
            for i, name in enumerate(row):
                x, at = LEFT + i * (width + GAP), y + GAP + k * (ROW + GAP)
                is_room = (ROOT / top / name).is_dir()
                look = f'class="room" fill="{colour}"' if is_room else 'class="file"'
                label = escape(f"{name}/" if is_room else f"{name}.py")
                parts.append(f'<rect {look} x="{x:g}" y="{at}" width="{width:g}" height="{ROW}" rx="4"/>')
                parts.append(
                    f'<text x="{x + width / 2:g}" y="{at + ROW / 2 + 5:g}" text-anchor="middle">{label}</text>'
                )
        y += height + 14
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">'
    return "\n".join([head, f"<style>{STYLE}</style>", *parts, "</svg>", ""])


if __name__ == "__main__":
    (ROOT / "docs" / "rooms.svg").write_text(drawing(), encoding="utf-8")
