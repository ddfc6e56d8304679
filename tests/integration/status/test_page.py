"""The status page in a real browser."""

import json
import urllib.request

import pytest

from world import SAMPLES, address_of, wait_for

READY = "document.getElementById('pill').textContent === 'Ready'"

# The lowest contrast (WCAG 2.2) of any text with what it stands on, and that text.
CONTRAST = """(() => {
  const parse = text => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3]));
  const ground = e => e ? over(parse(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : [255, 255, 255];
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let worst = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("script") || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || !e.getClientRects().length) continue;
    const style = getComputedStyle(e), svg = e.namespaceURI.endsWith("svg");
    const [a, b] = [light(parse(svg ? style.fill : style.color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < worst[0]) worst = [(a + 0.05) / (b + 0.05), e.textContent];
  }
  return worst;
})()"""


def text(browser, name):
    return browser.value(f"document.getElementById('{name}').innerText")


def test_the_page_loads_without_complaint_and_from_here_alone(play, browser):
    base, _ = play()
    browser.open(base + "/")
    browser.wait_for(READY)
    browser.wait_for("performance.getEntriesByType('resource').length > 2")
    assert browser.complaints == []
    elsewhere = f"performance.getEntriesByType('resource').map(r => r.name).filter(n => !n.startsWith('{base}/'))"
    assert [n for n in browser.value(elsewhere) if not n.startswith("data:")] == []


def test_the_numbers_move_and_are_those_of_the_status(play, browser):
    base, _ = play()
    browser.open(base + "/")
    browser.wait_for("document.getElementById('rows').textContent.match(/[1-9]/)")
    seen = {name: text(browser, name) for name in ("rows-note", "deleted-note", "cost-total", "received-note")}
    for name, before in seen.items():
        browser.wait_for(f"document.getElementById('{name}').innerText !== {json.dumps(before)}")
    browser.wait_for("document.querySelector('#throughput .a').getAttribute('d').split('L').length > 4")
    shown = int(text(browser, "deleted-note").split()[0].replace(",", ""))
    with urllib.request.urlopen(base + "/status.json", timeout=5) as answer:
        counted = json.load(answer)["counts"]["deleted"]
    assert 0 < shown <= counted
    assert browser.complaints == []


def test_it_fits_a_telephone_and_every_width_above(play, browser):
    base, _ = play()
    browser.open(base + "/")
    browser.wait_for(READY)
    browser.wait_for("document.querySelector('#notices .notice') !== null && document.querySelector('#reasons .reason') !== null")
    for width in (320, 360, 414, 560, 721, 800, 941, 1280, 1920):
        browser.size(width, 800)
        browser.wait_for(f"window.innerWidth === {width}")
        assert browser.value("document.documentElement.scrollWidth") <= width, width


def test_its_colours_have_contrast_in_light_and_dark(play, browser):
    base, _ = play("away")
    browser.open(base + "/")
    browser.wait_for("document.getElementById('pill').textContent === 'Not ready'", seconds=40)
    for scheme in ("light", "dark"):
        browser.colours(scheme)
        browser.wait_for(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        ratio, where = browser.value(CONTRAST)
        assert ratio >= 4.5, (scheme, ratio, where)


def test_it_says_why_a_run_is_not_ready_and_what_to_do(play, browser):
    base, _ = play("away")
    browser.open(base + "/")
    browser.wait_for("!document.getElementById('troubles').hidden", seconds=40)
    assert "PostgreSQL does not answer" in text(browser, "troubles")
    first = browser.value("document.querySelector('#notices .notice').innerText")
    assert "database_away" in first and "Bring PostgreSQL back" in first


def test_it_says_that_its_numbers_are_old_when_nobody_answers(play, browser):
    base, process = play()
    browser.open(base + "/")
    browser.wait_for(READY)
    process.terminate()
    process.wait(10)
    browser.wait_for("document.getElementById('pill').textContent.startsWith('No answer since')")


@pytest.mark.parametrize(
    "bad_messages, where", [("quarantine", "sluice.quarantine"), ("dlq", "dead-letter queue"), ("leave", "the queue")]
)
def test_it_says_where_messages_are_that_cannot_become_rows(play, browser, bad_messages, where):
    base, _ = play("steady", bad_messages)
    browser.open(base + "/")
    browser.wait_for("document.getElementById('set_aside').innerText.match(/[1-9]/)")
    assert ("in the quarantine" in text(browser, "set_aside-title")) == (bad_messages == "quarantine")
    reasons = [] if bad_messages == "leave" else [{"reason": "not_json", "messages": 1}]
    shown = {"now_ms": 0, "bad_messages": bad_messages, "set_aside_by_reason": reasons, "notices": []}
    browser.value(f"(() => {{ show_notices({json.dumps(shown)}); }})()")
    assert where in browser.value("document.getElementById('reasons').closest('section').innerText")


def test_what_a_message_or_a_name_holds_is_shown_as_text_and_never_as_html(play, browser):
    base, _ = play()
    browser.open(base + "/")
    browser.wait_for(READY)
    browser.value("""(() => { show_notices({now_ms: 0, bad_messages: "quarantine", set_aside_by_reason: [{reason: "<img src=x onerror=alert(1)>", messages: 1}],
      notices: [{level: "error", event: "<b>", why: "<script>`<i>`", fix: "<u>", count: 1, last_ms: 0}]}); })()""")
    assert browser.value("document.querySelectorAll('#notices b, #notices i, #notices u, #reasons img').length") == 0
    assert "<script>" in browser.value("document.getElementById('notices').innerText")


def test_the_page_follows_a_real_drain(world, browser, tmp_path):
    # Slow enough that it is still under way when the browser has come up.
    world.restart_queue("--latency-ms", "30", "--fault-operations", "ReceiveMessage")
    world.ok("init-db")
    world.ok("send", SAMPLES, "--create", "--count", "60000")
    log = tmp_path / "drain.log"
    env = world.environment(SLUICE_ADMIN="127.0.0.1:0", SLUICE_LOG_FORMAT="json", SLUICE_BATCH_ROWS="200", SLUICE_POLLERS_MAX="1")
    with log.open("w") as err:
        drain = world.start("drain", env=env, stderr=err)
        try:
            wait_for(lambda: address_of(log), "the admin server", process=drain)
            browser.open(address_of(log))
            browser.wait_for("parseInt(document.getElementById('deleted-note').innerText.replaceAll(',', '')) > 0")
            before = text(browser, "deleted-note")
            browser.wait_for(f"document.getElementById('deleted-note').innerText !== {json.dumps(before)}")
            assert "user_logins" in text(browser, "route")
            assert "missing_field" in text(browser, "reasons")
            assert browser.complaints == []
        finally:
            drain.terminate()
            drain.communicate(timeout=60)
    assert drain.returncode == 0, log.read_text()
