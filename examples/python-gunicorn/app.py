# A WSGI application without a word about draining: gunicorn and the balancer see to it.
import json
import os
import random
import time


def app(environ, start_response):
    if environ["PATH_INFO"] == "/healthz":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]
    size = len(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    time.sleep(random.uniform(0, 0.03))
    answer = {"size": size, "instance": os.environ.get("PLIMSOLL_INSTANCE")}
    body = json.dumps(answer).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", headers)
    return [body]
