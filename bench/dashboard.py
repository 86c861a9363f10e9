#!/usr/bin/env python3
"""Asks every query of a Grafana dashboard of a Prometheus and of a Swan that have the same samples.

    bench/dashboard.py DASHBOARD.json [--swan target/release/swan] [--seconds 60]

A real node_exporter is scraped every second by a real Prometheus, which remote-writes to Swan. Then each expression of
the dashboard ("Node Exporter Full" is Grafana's 1860) is evaluated by both, at one instant and over the time that there
is, with the dashboard's variables filled in. Exits with 1 where two answers differ.
"""

import argparse
import json
import math
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
# How much two values may differ: both sum floats, in an order that is not fixed.
TOLERANCE = 1e-12
READY_S = 60
ANSWER_S = 30


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port, path, parameters):
    url = f"http://127.0.0.1:{port}{path}?{urllib.parse.urlencode(parameters)}"
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_S) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        return json.load(error)


def until(what, look):
    deadline = time.monotonic() + READY_S
    while time.monotonic() < deadline:
        try:
            found = look()
        except (OSError, ValueError):  # it is not there yet, or starts
            found = None
        if found:
            return found
        time.sleep(0.1)
    sys.exit(f"error: waited {READY_S} s for {what}")


def expressions(dashboard):
    """Every `expr`, in the order of the file, each once."""
    found = {}

    def walk(part):
        if isinstance(part, dict):
            if isinstance(part.get("expr"), str):
                found[part["expr"]] = None
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(dashboard)
    return list(found)


def filled_in(expression, variables):
    for name, value in variables.items():
        expression = re.sub(r"\$\{" + name + r"(:[a-z]+)?\}|\$" + name + r"\b", value, expression)
    return expression


def is_same_value(one, other):
    one, other = float(one), float(other)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or math.isclose(one, other, rel_tol=TOLERANCE)


def is_same(one, other):
    if one["status"] != "success" or other["status"] != "success":
        return (one["status"], one.get("errorType")) == (other["status"], other.get("errorType"))
    one, other = one["data"], other["data"]
    if one["resultType"] != other["resultType"]:
        return False
    if one["resultType"] in ("scalar", "string"):
        return is_same_value(one["result"][1], other["result"][1])

    def by_labels(result):
        return {json.dumps(series["metric"], sort_keys=True): series for series in result}

    one, other = by_labels(one["result"]), by_labels(other["result"])
    if one.keys() != other.keys():
        return False
    for labels, series in one.items():
        left = series.get("values") or [series["value"]]
        right = other[labels].get("values") or [other[labels]["value"]]
        if [at for at, _ in left] != [at for at, _ in right]:
            return False
        if not all(is_same_value(a, b) for (_, a), (_, b) in zip(left, right)):
            return False
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dashboard", type=pathlib.Path)
    parser.add_argument("--swan", type=pathlib.Path, default=ROOT / "target/release/swan")
    parser.add_argument("--prometheus", type=pathlib.Path, default=ROOT / "target/peers/usr/bin/prometheus")
    parser.add_argument("--seconds", type=int, default=60, help="how long node_exporter is scraped")
    arguments = parser.parse_args()
    exporter = shutil.which("prometheus-node-exporter") or shutil.which("node_exporter")
    if exporter is None:
        sys.exit("error: there is no node_exporter\n  hint: apt-get install -y prometheus-node-exporter")

    ports = {"exporter": free_port(), "prometheus": free_port(), "swan": free_port()}
    processes = {}
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        (directory / "prometheus.yml").write_text(
            f"""global: {{ scrape_interval: 1s }}
remote_write: [{{ url: "http://127.0.0.1:{ports['swan']}/api/v1/write", queue_config: {{ batch_send_deadline: 1s }} }}]
scrape_configs: [{{ job_name: node, static_configs: [{{ targets: ["127.0.0.1:{ports['exporter']}"] }}] }}]
"""
        )

        def start(name, *command):
            log = open(directory / f"{name}.log", "wb")
            processes[name] = subprocess.Popen(
                [str(part) for part in command], cwd=directory, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

        try:
            start("exporter", exporter, f"--web.listen-address=127.0.0.1:{ports['exporter']}")
            start("swan", arguments.swan.resolve(), "serve", "--data", "swan", "--trust-loopback",
                  "--listen", f"127.0.0.1:{ports['swan']}")
            until("Swan", lambda: ask(ports["swan"], "/api/v1/query", {"query": "1"})["status"] == "success")
            start("prometheus", arguments.prometheus.resolve(), "--config.file=prometheus.yml",
                  "--storage.tsdb.path=prometheus", f"--web.listen-address=127.0.0.1:{ports['prometheus']}")
            status = compare(arguments, ports, processes)
        finally:
            for process in processes.values():
                process.kill()
                process.wait()
    sys.exit(status)


def newest(port):
    answer = ask(port, "/api/v1/query", {"query": "max(timestamp(node_time_seconds))"})
    result = answer.get("data", {}).get("result", [])
    return float(result[0]["value"][1]) if result else None


def compare(arguments, ports, processes):
    first = until("a scrape", lambda: newest(ports["prometheus"]))
    until("the samples", lambda: newest(ports["prometheus"]) >= first + min(arguments.seconds, READY_S - 10))
    # No further scrape: what one has, the other has once everything is sent.
    last = newest(ports["prometheus"]) - 2
    until("Swan to have them", lambda: (newest(ports["swan"]) or 0) >= last + 2)
    variables = {
        "job": "node", "node": f"127.0.0.1:{ports['exporter']}", "nodename": ".+", "diskdevices": "[a-z]+|nvme[0-9]+n[0-9]+",
        "__rate_interval": "4s", "__interval": "5s", "__range": f"{arguments.seconds}s",
    }
    asked = [filled_in(text, variables) for text in expressions(json.loads(arguments.dashboard.read_text()))]
    different, empty, refused = [], 0, 0
    for expression in asked:
        instant = {"query": expression, "time": last}
        over_time = {"query": expression, "start": first, "end": last, "step": 5}
        for path, parameters in (("/api/v1/query", instant), ("/api/v1/query_range", over_time)):
            theirs, ours = (ask(ports[name], path, parameters) for name in ("prometheus", "swan"))
            if not is_same(theirs, ours):
                different.append((path, expression, theirs, ours))
            if theirs["status"] != "success":
                refused += 1
            elif not theirs["data"]["result"]:
                empty += 1
    for path, expression, theirs, ours in different[:10]:
        print(f"DIFFERENT {path} {expression}\n  Prometheus {json.dumps(theirs)[:300]}\n  Swan       {json.dumps(ours)[:300]}")
    print(f"{len(asked)} expressions, each at an instant and over {last - first:.0f} s: {2 * len(asked)} queries, "
          f"{empty} of them empty and {refused} refused by Prometheus, {len(different)} answered differently")
    return 1 if different or not asked else 0


if __name__ == "__main__":
    main()
