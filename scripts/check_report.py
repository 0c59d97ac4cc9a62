"""Opens the reports of runs in a headless Chromium, as a reader would, and uses them.

Run: python3 scripts/check_report.py RUN... [--screenshots DIR]
For each run's report.html: the console stays silent, nothing is fetched, every section is there and every chart draws, subjects can be
searched, sorted, stepped through with buttons and keys, points lead to their subject, values show under the mouse; then a copy whose
IDs are markup, formulas and paths, which must show as text. Exit code 1, and a line per problem, if something is wrong; 3 if there is no
browser and none can be installed.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import browser
from checks import expect, problems

READY = "document.documentElement.dataset.ready === 'yes'"
SECTIONS = ["warnings", "summary", "data", "model", "parameters", "goodness", "patients", "suppression", "run", "checklist"]
HOSTILE = ["<img src=x onerror=alert(1)>", "=cmd|' /C calc'!A0", "../../etc/x", "</script><script>alert(2)</script>", "\u202eab\u2028c", "患者 7"]
LARGEST_MB = 8


def install():
    """A browser, installed if that is possible here."""
    if browser.find() is None and hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        for command in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return browser.find()


def sound(page, name, path):
    expect(not page.complaints(), f"{name}: the console says {page.complaints()}")
    fetched = [u for u in page.requests() if u != pathlib.Path(path).resolve().as_uri() and u != "about:blank"]
    expect(not fetched, f"{name}: asked the network for {fetched}")


def every_chart_draws(page, name):
    """Goes through the page as a reader scrolls."""
    height = page.run("document.documentElement.scrollHeight")
    for y in range(0, height, 500):
        page.run(f"window.scrollTo({{ top: {y}, behavior: 'instant' }})")
        time.sleep(0.08)
    time.sleep(0.3)
    plots = page.run("document.querySelectorAll('.plot').length")
    undrawn = page.run("[...document.querySelectorAll('.plot:not([data-drawn])')].map((p) => p.getAttribute('aria-label'))")
    expect(plots > 0 and not undrawn, f"{name}: {len(undrawn)} of {plots} charts were not drawn: {undrawn[:3]}")
    # A chart that shows nothing has one colour inside.
    empty = page.run(
        "[...document.querySelectorAll('.plot canvas')].filter((c) => { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        " const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3] > 60) seen.add(d[i] >> 4 << 8 | d[i + 1] >> 4 << 4 | d[i + 2] >> 4);"
        " return seen.size < 4; }).map((c) => c.closest('.plot').getAttribute('aria-label'))"
    )
    expect(not empty, f"{name}: charts with nothing in them: {empty}")
    narrow = page.run("document.documentElement.scrollWidth <= window.innerWidth")
    expect(narrow, f"{name}: the page is wider than the window")
    return plots


def the_browser_works(page, name):
    title = "document.getElementById('subject').textContent"
    items = "document.querySelectorAll('.list li').length"
    count = page.run(items)
    expect(count > 0, f"{name}: no subjects in the list")
    expect(page.run("document.querySelectorAll('#patients .plot').length") > 0, f"{name}: the first subject has no chart")
    first = page.run(title)
    if count > 1:
        page.run("[...document.querySelectorAll('#patients button')].find((b) => b.textContent.startsWith('Next')).click()")
        second = page.run(title)
        expect(second != first, f"{name}: Next shows the same subject")
        page.run("[...document.querySelectorAll('#patients button')].find((b) => b.textContent.includes('Previous')).click()")
        expect(page.run(title) == first, f"{name}: Previous does not go back")
        page.run("document.querySelector('.list').focus()")
        page.key("ArrowDown")
        expect(page.run(title) == second, f"{name}: the arrow key does not go on")
        worst = page.run("[...document.querySelectorAll('.list li')].map((l) => parseFloat(l.lastChild.textContent)).filter((v) => v > 0)")
        expect(worst == sorted(worst, reverse=True), f"{name}: the worst fit is not first")
        page.run("(() => { const s = document.querySelector('.finder select'); s.value = '1'; s.dispatchEvent(new Event('change')); })()")
        order = page.run("[...document.querySelectorAll('.list li')].map((l) => Number(l.id.slice(8)))")
        expect(order == list(range(count)), f"{name}: not in the order of the data")
    wanted = page.run("document.querySelector('.list li:last-child bdi').textContent")
    search = "(() => {{ const s = document.querySelector('.finder input'); s.value = {}; s.dispatchEvent(new Event('input')); }})()"
    page.run(search.format(json.dumps(wanted)))
    expect(wanted in page.run(title), f"{name}: the search does not find {wanted!r}")
    page.run(search.format(json.dumps("no such subject")))
    expect(page.run(items) == 0, f"{name}: the search finds what is not there")
    page.run(search.format("''"))
    expect(page.run(items) == count, f"{name}: not all subjects come back")
    # Values under the mouse.
    page.run("document.querySelector('#patients .plot').scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.until("!!document.querySelector('#patients .plot .u-over')")
    # What is drawn above may still push the chart away.
    for _ in range(20):
        over = page.run("(() => { const r = document.querySelector('#patients .plot .u-over').getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; })()")
        page.mouse("mouseMoved", over[0] + over[2] / 3, over[1] + over[3] / 2)
        page.mouse("mouseMoved", over[0] + over[2] / 2, over[1] + over[3] / 2)
        tip = page.run("(() => { const t = document.querySelector('#patients .plot .tip:not([hidden])'); return t ? t.textContent : ''; })()")
        if tip:
            break
        time.sleep(0.1)
    expect("day" in tip and "fit" in tip, f"{name}: no values under the mouse: {tip!r}")
    # Zoom by the keyboard.
    page.run("document.querySelector('#patients .plot').focus()")
    for key in ("ArrowRight", "+", "0"):
        page.key(key)


def the_slider_works(page, name):
    """Where a run has a what-if, each stop of the slider says its doses, and all but the doses as given draw another curve."""
    if not page.run("!!document.getElementById('doses')"):
        return
    expect("Not medical advice" in page.run("document.getElementById('doses').textContent"), f"{name}: the doses do not say that they are no advice")
    page.run("document.querySelector('.slider').scrollIntoView({ block: 'center', behavior: 'instant' })")
    page.until("!!document.querySelector('figure.doses .plot[data-drawn]')")
    seen = {}
    for i in range(page.run("Number(document.querySelector('.slider input').max) + 1")):
        page.run(f"(() => {{ const s = document.querySelector('.slider input'); s.value = {i}; s.dispatchEvent(new Event('input')); }})()")
        said = page.run("document.querySelector('.slider output').textContent")
        seen[said] = page.run("document.querySelector('figure.doses canvas').toDataURL()")
    expect("as given" in seen and len(seen) > 1, f"{name}: the slider has {list(seen)}")
    expect(len(set(seen.values())) == len(seen), f"{name}: the slider does not redraw")


def choices_work(page, name):
    """Every button of a choice, pressed once, leaves its charts drawn."""
    number = page.run("document.querySelectorAll('.choice button').length")
    for i in range(number):
        page.run(f"(() => {{ const b = document.querySelectorAll('.choice button')[{i}]; b.scrollIntoView({{ behavior: 'instant' }}); b.click(); }})()")
        time.sleep(0.05)
    page.run("[...document.querySelectorAll('header .choice button')][0].click()")
    every_chart_draws(page, name)


def outcomes_are_shown(page, name, path):
    """Of each group courses and two loops, of each measure its tables; simulated ones say so."""
    told = json.loads((path.parent / "outcome.json").read_text())
    section = "document.getElementById('outcomes')"
    if not expect(page.run(f"!!{section}"), f"{name}: no section of outcomes"):
        return
    said = page.run(f"{section}.textContent")
    expect(not told["simulated"] or "SIMULATED" in said, f"{name}: the outcomes do not say that they are simulated")
    for i in range(len(told["measures"])):
        page.run(f"(() => {{ const b = {section}.querySelectorAll('.choice button')[{i}]; if (b) b.click(); }})()")
        figures = page.run(f"{section}.querySelectorAll('figure').length")
        expect(figures >= 5, f"{name}: {figures} charts of outcome {i}")
        for words in ("Correlation of the change with exposure", "Hysteresis: told where a model without a delay is refuted"):
            expect(words in page.run(f"{section}.textContent"), f"{name}: no table {words!r} of outcome {i}")
    if told["options"]["delay"]:
        expect("chosen" in page.run(f"{section}.textContent"), f"{name}: no model of the outcome is chosen")


def check(path, name, engine, pictures):
    megabytes = path.stat().st_size / 1e6
    expect(megabytes < LARGEST_MB, f"{name}: {megabytes:.1f} MB")
    with browser.Page(engine, 1360, 1000) as page:
        seconds = page.open(path, READY)
        found = page.run("[...document.querySelectorAll('section')].map((s) => s.id)")
        missing = [s for s in SECTIONS if s not in found]
        expect(not missing, f"{name}: no section {', '.join(missing)}")
        if (path.parent / "outcome.json").is_file():
            outcomes_are_shown(page, name, path)
        links = page.run("[...document.querySelectorAll('a[href^=\"#\"]')].filter((a) => !document.querySelector(a.getAttribute('href'))).map((a) => a.getAttribute('href'))")
        expect(not links, f"{name}: links to nowhere: {links}")
        plots = every_chart_draws(page, name)
        the_browser_works(page, name)
        the_slider_works(page, name)
        choices_work(page, name)
        sound(page, name, path)
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        for dark in (False, True):
            with browser.Page(engine, 1360, 1000, dark) as page:
                page.open(path, READY)
                every_chart_draws(page, name)
                for section in ["top", *found]:
                    where = "window.scrollTo({ top: 0, behavior: 'instant' })" if section == "top" else f"document.getElementById('{section}').scrollIntoView({{ behavior: 'instant' }})"
                    page.run(where)
                    time.sleep(0.15)
                    page.screenshot(pictures / f"{name}-{'dark' if dark else 'light'}-{section}.png")
                if not dark:
                    page.pdf(pictures / f"{name}-print.pdf")
        with browser.Page(engine, 420, 900) as page:
            page.open(path, READY)
            every_chart_draws(page, f"{name}, narrow")
            page.run("document.getElementById('patients').scrollIntoView({ behavior: 'instant' })")
            time.sleep(0.2)
            page.screenshot(pictures / f"{name}-narrow-patients.png")
    print(f"{name}: {megabytes:.1f} MB, ready in {seconds:.1f} s, {plots} charts, sections {', '.join(found)}")


def check_hostile(omafit, engine, pictures):
    """A run whose subjects have such IDs, made and opened."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        rows = ["ID,TIME,DV,AMT,EVID,MDV,CMT,DVID,WT,IGE"]
        for i, name in enumerate(HOSTILE):
            quoted = '"' + name.replace('"', '""') + '"'
            rows.append(f"{quoted},0,0,300,1,1,1,0,{70 + i},400")
            rows += [f"{quoted},{t},{v * (1 + 0.1 * i)},0,0,0,2,{d},{70 + i},400" for t in (3, 14, 28) for d, v in ((1, 40), (2, 1500), (3, 12))]
        data = folder / "hostile.csv"
        data.write_text("\n".join(rows) + "\n", encoding="utf-8")
        run = folder / "run"
        made = subprocess.run([omafit, "fit", data, "--out", run, "--quiet", "--replicates", "100"], capture_output=True, text=True, check=False)
        if not expect(made.returncode in (0, 1), f"hostile IDs: the fit was refused: {made.stderr}"):
            return
        rows = ["ID,TIME,MEASURE,VALUE,RESPONDER"]
        for i, name in enumerate(HOSTILE):
            quoted = '"' + name.replace('"', '""') + '"'
            word = '"' + HOSTILE[i % 2].replace('"', '""') + '"'
            rows += [f"{quoted},{t},{quoted if i == 0 else 'score'},{5 - 0.1 * t + 0.3 * i},{word}" for t in (0, 3, 14, 28)]
            rows += [f"{quoted},{t},score,{5 - 0.1 * t},{word}" for t in (0, 14) if i == 0]
        outcomes = folder / "outcomes.csv"
        outcomes.write_text("\n".join(rows) + "\n", encoding="utf-8")
        made = subprocess.run([omafit, "outcome", run, outcomes, "--quiet", "--replicates", "100"], capture_output=True, text=True, check=False)
        expect(made.returncode == 0, f"hostile IDs: the outcomes were refused: {made.stderr}")
        path = run / "report.html"
        with browser.Page(engine, 1360, 1000) as page:
            page.open(path, READY)
            every_chart_draws(page, "hostile IDs")
            shown = page.run("[...document.querySelectorAll('.list li bdi')].map((b) => b.textContent)")
            for name in HOSTILE:
                plain = name.replace("\u202e", "\ufffd").replace("\u2028", "\ufffd")
                expect(plain in shown, f"hostile IDs: {name!r} is not shown as text: {shown}")
            expect(page.run("document.querySelectorAll('main img, main script, main iframe, main object').length") == 0, "hostile IDs: markup got into the page")
            for i in range(len(HOSTILE)):
                page.run(f"document.getElementById('subject-{i}').click()")
            page.run("document.getElementById('subject-0').click()")
            page.run("document.getElementById('patients').scrollIntoView({ behavior: 'instant' })")
            time.sleep(0.3)
            if pictures:
                page.screenshot(pictures / "hostile-light-patients.png")
            sound(page, "hostile IDs", path)
        print("hostile IDs: shown as text")


def main():
    parser = argparse.ArgumentParser(description="Opens reports in a headless Chromium and uses them.")
    parser.add_argument("runs", nargs="*", type=pathlib.Path)
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("--omafit", type=pathlib.Path, help="the program, for the run with hostile IDs")
    arguments = parser.parse_args()
    engine = install()
    if engine is None:
        print("no Chromium is here and none could be installed (set CHROMIUM to its path)", file=sys.stderr)
        sys.exit(3)
    for run in arguments.runs:
        check(run / "report.html", run.name, engine, arguments.screenshots)
    if arguments.omafit:
        check_hostile(arguments.omafit, engine, arguments.screenshots)
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
