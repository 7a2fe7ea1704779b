#!/usr/bin/env python3
"""Posts one picture again and again from several clients and prints requests per second.

    python Benchmarks/load.py http://127.0.0.1:8080/v1/embeddings cat.jpg --clients 16 --seconds 10
    python Benchmarks/load.py http://127.0.0.1:8080/v1/embeddings cat.jpg --rate 100 --seconds 10

Each client keeps its connection and sends its next request when it has read the answer to the last one. With --rate requests
come at random times instead (exponential gaps, so many per second on average), whether or not earlier ones have been answered,
and their time counts from then, on at most as many connections as --clients says. One
thread serves them all, so that the load takes little of the processors that it is there to load. Prints one line
of JSON; ends with 1 if any answer was not 200. Only the standard library is needed.
"""

import argparse
import collections
import heapq
import json
import pathlib
import random
import selectors
import socket
import statistics
import sys
import time
import urllib.parse


class Client:
    """One connection with one request under way."""

    def __init__(self, address, request):
        self.request = request
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self):
        self.began = time.perf_counter()
        self.answer, self.length = b"", None
        self.socket.sendall(self.request)

    def receive(self):
        """Reads what is there; the status once the answer is whole."""
        part = self.socket.recv(1 << 16)
        if not part:
            sys.exit("The server closed a connection.")
        self.answer += part
        if self.length is None and (end := self.answer.find(b"\r\n\r\n")) >= 0:
            head = self.answer[:end].lower()
            field = head.find(b"content-length:")
            if field < 0:
                sys.exit("An answer has no Content-Length.")
            self.length = end + 4 + int(head[field + 15:].split(b"\r\n", 1)[0])
        if self.length is not None and len(self.answer) >= self.length:
            return int(self.answer[9:12])
        return None


def posting(url, body):
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return (f"POST {target} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode() + body


def random_times(rate, seconds):
    """When requests come that come at random, in seconds; the same ones each time."""
    chance, coming, times = random.Random(1), 0, []
    while (coming := coming + chance.expovariate(rate)) < seconds:
        times.append(coming)
    return times


def percentile(times, share):
    return sorted(times)[int(share * (len(times) - 1))]


def ideal_times(rate, seconds, servers, capacity):
    """The seconds of requests that come at these times, if nothing but their own work took time: `servers` take them in turn, and
    together answer `capacity` of them per second."""
    free, times = [0.0] * servers, []
    for coming in random_times(rate, seconds):
        end = max(coming, heapq.heappop(free)) + servers / capacity
        heapq.heappush(free, end)
        times.append(end - coming)
    return times


def arrivals(url, body, clients, seconds, rate):
    """As `load`, of requests that come at random times."""
    request = posting(url, body)
    selector, idle, opened, under_way = selectors.DefaultSelector(), [], 0, 0
    times, failures, begin = [], [], time.perf_counter()
    due = collections.deque(begin + coming for coming in random_times(rate, seconds))
    while due or under_way:
        can_send = idle or opened < clients
        if due and can_send and due[0] <= time.perf_counter():
            if not idle:
                idle.append(Client((url.hostname, url.port), request))
                selector.register(idle[-1].socket, selectors.EVENT_READ, idle[-1])
                opened += 1
            client = idle.pop()
            client.send()
            client.began = due.popleft()
            under_way += 1
            continue
        # Until the next is due; where nobody can send it, until an answer comes.
        for key, _ in selector.select(max(0, due[0] - time.perf_counter()) if due and can_send else None):
            if (status := key.data.receive()) is None:
                continue
            times.append(time.perf_counter() - key.data.began)
            under_way -= 1
            idle.append(key.data)
            if status != 200:
                failures.append(status)
    return times, failures


def load(url, body, clients, seconds):
    """The seconds of each request, and the statuses that were not 200."""
    request = posting(url, body)
    selector = selectors.DefaultSelector()
    for _ in range(clients):
        client = Client((url.hostname, url.port), request)
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.send()
    times, failures, end = [], [], time.perf_counter() + seconds
    under_way = clients
    while under_way:
        for key, _ in selector.select():
            status = key.data.receive()
            if status is None:
                continue
            now = time.perf_counter()
            times.append(now - key.data.began)
            if status != 200:
                failures.append(status)
            if now < end:
                key.data.send()
            else:
                under_way -= 1
    return times, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("url")
    parser.add_argument("picture", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--rate", type=float, help="requests per second that come at random times")
    parser.add_argument("--seconds", type=float, default=10)
    o = parser.parse_args()
    start = time.perf_counter()
    what = urllib.parse.urlsplit(o.url), o.picture.read_bytes(), o.clients, o.seconds
    times, failures = arrivals(*what, o.rate) if o.rate else load(*what)
    elapsed = time.perf_counter() - start
    print(json.dumps({
        "requests_per_second": len(times) / elapsed, "requests": len(times),
        "clients": o.clients, "failures": len(failures),
        "median_seconds": statistics.median(times),
        "p99_seconds": percentile(times, 0.99),
    }))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
