"""An exporter on loopback: Prometheus's own client_python, behind basic authentication and TLS where it is told to.

Arguments: --user NAME:PASSWORD, --certificate FILE, --key FILE.
Standard output: one JSON object a line.
  {"event": "listening", "port": 40001}
Standard input: one JSON object a line.
  {"forget": "zone"}   the series of that zone are no longer exposed
The end of standard input ends the exporter.
"""

import argparse
import base64
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.exposition import choose_encoder

registry = CollectorRegistry()
load = Gauge("load", "How much there is to do.", ["zone"], registry=registry)
requests = Counter("requests", "What was asked.", ["code"], registry=registry)
latency = Histogram("latency_seconds", "How long it took.", buckets=(0.1, 1, 10), registry=registry)
size = Summary("size_bytes", "How large it was.", registry=registry)
build = Info("build", "What runs.", registry=registry)
state = Enum("state", "What it does.", states=["idle", "busy"], registry=registry)

load.labels("a").set(1.5)
load.labels("b").set(2.5)
requests.labels("200").inc(3, {"trace_id": "abc"})
for seconds in (0.05, 0.5, 5):
    latency.observe(seconds)
size.observe(100)
build.info({"version": "1.2"})
state.state("busy")


def handler(user):
    wanted = user and "Basic " + base64.b64encode(user.encode()).decode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            if wanted and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.end_headers()
                return
            encode, content_type = choose_encoder(self.headers.get("Accept"))
            body = encode(registry)
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--user")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(options.user))
    if options.certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(options.certificate, options.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"event": "listening", "port": server.server_address[1]}), flush=True)
    for line in sys.stdin:
        load.remove(json.loads(line)["forget"])


main()
