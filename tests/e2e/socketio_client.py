"""A client of python-socketio for socketio_python.test.mjs: it is told what to do, and tells what comes, a line of JSON each.

In:  {"connect": url, "auth": {...}, "namespaces": [...], "transports": [...]}
     {"emit": [name, argument...], "namespace": "/", "ask": n}
Out: [namespace, name, argument...]; of the seat itself "(connect)" with its id and the transport, "(disconnect)", "(connect_error)"
     {"ack": n, "arguments": [...]}
Bytes are {"base64": "..."} either way.
"""

import base64
import json
import os
import queue
import re
import sys
import threading

import socketio

POSITION = re.compile(r"[\w-]{22}:\d+")

# The library hears each packet in a thread of its own, and two of them may overtake each other where one is interrupted.
sys.setswitchinterval(1)


def to_text(value):
    return {"base64": base64.b64encode(value).decode()}


def of_text(value):
    if isinstance(value, dict):
        if value.keys() == {"base64"}:
            return base64.b64decode(value["base64"])
        return {key: of_text(each) for key, each in value.items()}
    return [of_text(each) for each in value] if isinstance(value, list) else value


told = queue.SimpleQueue()


def tell_all():
    while True:
        print(json.dumps(told.get(), default=to_text), flush=True)


class Client(socketio.Client):
    """Says on its return which seat it had and what it has heard, as clients of JavaScript do. One payload goes to all namespaces, so that this is of
    use with one."""

    def __init__(self):
        super().__init__(reconnection_delay=0.05, reconnection_delay_max=0.2, randomization_factor=0)
        self.last = {}

    def _handle_connect(self, namespace, data):  # the library keeps to itself what the server says here
        if "pid" in data:
            self.last["pid"] = data["pid"]
        super()._handle_connect(namespace, data)

    def listen(self, namespace):
        def hear(name, *arguments):
            if len(arguments) == 3 and POSITION.fullmatch(str(arguments[2])):
                self.last["offset"] = arguments[2]
            told.put([namespace, name, *arguments])

        self.on("*", hear, namespace)
        self.on("connect", lambda: told.put([namespace, "(connect)", self.get_sid(namespace), self.transport()]), namespace)
        self.on("disconnect", lambda *why: told.put([namespace, "(disconnect)"]), namespace)
        self.on("connect_error", lambda why=None: told.put([namespace, "(connect_error)", why]), namespace)

    def open(self, order):
        for namespace in order["namespaces"]:
            self.listen(namespace)
        self.connect(
            order["connect"],
            auth=lambda: {**order["auth"], **self.last},
            namespaces=order["namespaces"],
            transports=order["transports"],
            wait=False,
        )

    def say(self, order):
        name, *arguments = of_text(order["emit"])
        number = order.get("ask")
        callback = None if number is None else lambda *answer: told.put({"ack": number, "arguments": answer})
        self.emit(name, tuple(arguments), namespace=order["namespace"], callback=callback)


def main():
    threading.Thread(target=tell_all, daemon=True).start()
    client = Client()
    for line in sys.stdin:
        order = json.loads(line)
        client.open(order) if "connect" in order else client.say(order)


try:
    main()
finally:
    os._exit(0)  # whatever threads the library still has
