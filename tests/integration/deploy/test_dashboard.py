"""The Grafana dashboard against Grafana's own schema of dashboards and panels, as its foundation SDK has it."""

import json
import pathlib

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

FILE = pathlib.Path(__file__).resolve().parents[3] / "deploy" / "grafana" / "dashboard.json"


def unknown(written, read, path=""):
    """What was written and not understood: the schema's reader drops it, or makes something else of it."""
    if isinstance(written, dict) and isinstance(read, dict):
        for name, value in written.items():
            yield from unknown(value, read[name], f"{path}/{name}") if name in read else [f"{path}/{name}"]
    elif isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        for i, (one, other) in enumerate(zip(written, read, strict=True)):
            yield from unknown(one, other, f"{path}/{i}")
    elif written != read:
        yield path


def test_everything_in_the_dashboard_is_in_grafana_s_schema():
    register_default_plugins()
    written = json.loads(FILE.read_text())
    read = json.loads(json.dumps(Dashboard.from_json(written), cls=JSONEncoder))
    assert list(unknown(written, read)) == []


def test_panels_have_ids_of_their_own_and_do_not_lie_on_each_other():
    panels = json.loads(FILE.read_text())["panels"]
    assert len({p["id"] for p in panels}) == len(panels)
    taken = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken, panel["title"]
        taken |= cells
