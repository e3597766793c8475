#!/usr/bin/env python3
"""What benches/compare.py does not show of Litewire beside PgBouncer: wide results, the slowest transactions, log-ins, COPY and
clients that do nothing.

    benches/wire.py [--seconds 5] [--rounds 3] [--clients 5000] [--gibibytes 1] [--pgbouncer PROGRAM]

Needs what compare.py needs. Each figure is the median of its rounds, taken by turns; memory is the proxy's resident set.
"""

import argparse
import contextlib
import os
import re
import resource
import socket
import statistics
import struct
import subprocess
import tempfile
import time
from pathlib import Path

from compare import ROLE, Bench, cpu, new_place, program

SECRET = "benchmark"
WIDE = "SELECT aid, bid, abalance, filler FROM pgbench_accounts ORDER BY aid LIMIT 20000;"


class Wire(Bench):
    """The servers of compare.py, which also know a user with a password."""

    def __init__(self, stack, place, arguments):
        super().__init__(stack, place, arguments)
        self.place = place

    def with_password(self, stack):
        """Two more proxies, which ask for a password; each has its verifier, and a backend role that needs none."""
        self.psql(f"SET password_encryption = 'scram-sha-256'; ALTER ROLE {ROLE} PASSWORD '{SECRET}'")
        verifier = self.answer(f"SELECT rolpassword FROM pg_authid WHERE rolname = '{ROLE}'").strip()
        users = self.place / "users.txt"
        users.write_text(f'"{ROLE}" "{verifier}"\n')
        os.chmod(users, 0o644)
        bouncer = self.pgbouncer(stack, self.place, f"auth_type = scram-sha-256\nauth_file = {users}\n")
        settings = self.place / "litewire.toml"
        settings.write_text(
            f'[auth]\nmethod = "scram-sha-256"\n[[user]]\nname = "{ROLE}"\nverifier = "{verifier}"\nbackend_user = "{ROLE}"\nbackend_password = "{SECRET}"\n'
        )
        return {"pgbouncer": bouncer, "litewire": self.litewire(stack, self.place, "--config", settings)}

    def crowded(self, stack):
        """A Litewire that lets as many in as there are to be."""
        settings = self.place / "crowded.toml"
        settings.write_text(f"[server]\nmax_clients = {2 * self.arguments.clients}\n")
        return self.litewire(stack, self.place, "--config", settings)

    def script(self, text):
        path = Path(tempfile.mkstemp(dir=self.place, suffix=".sql")[1])
        path.write_text(text)
        return ["-f", str(path)]

    def by_turns(self, name, targets, run):
        """The medians of what `run` tells of each target, by name."""
        taken = {target: [] for target in targets}
        for _ in range(self.arguments.rounds):
            for target, (port, pid) in targets.items():
                taken[target].append(run(target, port, pid))
        medians = {target: [statistics.median(column) for column in zip(*rows)] for target, rows in taken.items()}
        return medians

    def run(self, port, pid, *flags, options="", **environment):
        """(transactions a second, CPU seconds a transaction) of a pgbench run."""
        before = cpu(pid) if pid else 0
        os.environ.update(environment)
        result = self.pgbench("-n", "-T", str(self.arguments.seconds), *flags, "postgres", port=port, options=options)
        done = re.search(r"transactions actually processed: (\d+)", result.stdout)
        if result.returncode or not done:
            raise SystemExit(result.stderr)
        return int(done[1]) / self.arguments.seconds, (cpu(pid) - before if pid else 0) / int(done[1])


def resident(pid, key="VmRSS"):
    """MiB."""
    return int(re.search(key + r":\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024


def show(name, medians, columns, base="pgbouncer"):
    for target, figures in medians.items():
        shares = [f"{label} {figure:10.1f} ({figure / medians[base][at]:4.2f})" for at, (label, figure) in enumerate(zip(columns, figures))]
        print(f"{name:18} {target:18} {'  '.join(shares)}", flush=True)


def wide(bench, targets):
    """MB a second and CPU milliseconds a MB of large results."""
    size = len(bench.answer(WIDE))
    flags = [*bench.script(WIDE), "-c", "2", "-j", "2"]

    def run(target, port, pid):
        rate, spent = bench.run(port, pid, *flags, options=DIALECTS.get(target, ""))
        return rate * size / 1e6, spent * 1e3 / (size / 1e6)

    show("wide results", bench.by_turns("wide", targets, run), ("MB/s", "CPU ms/MB"))


def tails(bench, targets):
    """Percentiles of 64 clients' latencies on 20 backends, in ms."""

    def run(target, port, pid):
        with tempfile.TemporaryDirectory() as logs:
            bench.run(port, pid, "-S", "-c", "64", "-j", "2", "-l", f"--log-prefix={logs}/log", options=DIALECTS.get(target, ""))
            taken = sorted(int(line.split()[2]) / 1e3 for log in Path(logs).iterdir() for line in log.read_text().splitlines())
        return [taken[int(len(taken) * share)] for share in (0.5, 0.99, 0.999)]

    show("latency, 64 on 20", bench.by_turns("tails", targets, run), ("p50", "p99", "p99.9"))


def log_ins(bench, targets, name, **environment):
    """CPU microseconds of a connection with one SELECT."""
    flags = ["-S", "-C", "-c", "8", "-j", "2"]
    run = lambda target, port, pid: (bench.run(port, pid, *flags, options=DIALECTS.get(target, ""), **environment)[1] * 1e6,)
    show(name, bench.by_turns(name, targets, run), ("CPU us",))


def copies(bench, port, pid):
    """The most memory that COPY takes, out and in."""
    rows = bench.arguments.gibibytes * (1 << 30) // 1024
    bench.psql("DROP TABLE IF EXISTS bulk; CREATE UNLOGGED TABLE bulk (line text)")
    psql = [program("psql"), "-h", "127.0.0.1", "-p", str(port), "-U", ROLE, "-q", "postgres", "-c"]
    for what in (f"COPY (SELECT repeat('x', 1023) FROM generate_series(1, {rows})) TO STDOUT", "COPY bulk FROM STDIN"):
        Path(f"/proc/{pid}/clear_refs").write_text("5")
        before, spent, start = resident(pid), cpu(pid), time.monotonic()
        if what.endswith("STDOUT"):
            subprocess.run([*psql, what], check=True, stdout=subprocess.DEVNULL)
        else:
            with subprocess.Popen(["sh", "-c", f"yes {'x' * 1023} | head -n {rows}"], stdout=subprocess.PIPE) as lines:
                subprocess.run([*psql, what], check=True, stdin=lines.stdout)
        peak, seconds = resident(pid, "VmHWM"), time.monotonic() - start
        print(f"COPY {what.split()[-1]:13} litewire           peak {peak:5.1f} MiB ({peak - before:+.1f})  {rows / 1024 / seconds:6.0f} MiB/s  CPU {(cpu(pid) - spent) * 1e3 / (rows / 1024):.2f} ms/MiB", flush=True)
    bench.psql("DROP TABLE bulk")


def idlers(bench, targets):
    """KiB of a client that has logged in, that has asked something, that has had a large answer."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    start = struct.pack("!i", 196608) + f"user\0{ROLE}\0database\0postgres\0\0".encode()

    def ask(client, message):
        client.sendall(message)
        answer = b""
        while not answer.endswith(b"Z\0\0\0\5I"):
            got = client.recv(1 << 16)
            assert got, answer
            answer += got

    def query(sql):
        return b"Q" + struct.pack("!i", len(sql) + 5) + sql.encode() + b"\0"

    for target, (port, pid) in targets.items():
        with contextlib.ExitStack() as open_clients:
            def client():
                made = open_clients.enter_context(socket.create_connection(("127.0.0.1", port)))
                ask(made, struct.pack("!i", len(start) + 4) + start)
                return made

            ask(client(), query("SELECT 1"))
            before, figures = resident(pid), []
            clients = [client() for _ in range(bench.arguments.clients)]
            for sql in (None, "SELECT abalance FROM pgbench_accounts WHERE aid = 5", "SELECT repeat('x', 100000)"):
                for one in clients if sql else []:
                    ask(one, query(sql))
                time.sleep(1)
                figures.append(f"{(resident(pid) - before) * 1024 / len(clients):5.1f}")
            print(f"idle clients       {target:18} KiB each: {figures[0]} logged in, {figures[1]} after a query, {figures[2]} after a large result", flush=True)


DIALECTS = dict.fromkeys(("litewire", "litewire postgres"), "-c litewire.dialect=postgres")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=5, help="of each run")
    parser.add_argument("--rounds", type=int, default=3, help="of each figure")
    parser.add_argument("--clients", type=int, default=5000, help="that do nothing")
    parser.add_argument("--gibibytes", type=int, default=1, help="to copy")
    parser.add_argument("--pgbouncer", metavar="PROGRAM", help="another than the one on the path")
    parser.add_argument("--only", default="", metavar="REGEX", help="wide, tails, log-ins, copy, idle")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        bench = Wire(stack, new_place(stack), arguments)
        of = lambda target: (target.port, target.proxy)
        proxies = {"pgbouncer": of(bench.bouncer), "litewire postgres": of(bench.litewire_postgres), "litewire sqlite": of(bench.litewire_sqlite)}
        plain = {"pgbouncer": of(bench.bouncer), "litewire": of(bench.litewire_postgres)}
        parts = {
            "wide": lambda: wide(bench, proxies),
            "tails": lambda: tails(bench, proxies),
            "log-ins": lambda: log_ins(bench, proxies, "log-in, trust"),
            "log-ins scram": lambda: log_ins(bench, bench.with_password(stack), "log-in, SCRAM", PGPASSWORD=SECRET),
            "copy": lambda: copies(bench, *plain["litewire"]),
            "idle": lambda: idlers(bench, {**plain, "litewire": bench.crowded(stack)}),
        }
        for name, part in parts.items():
            if re.search(arguments.only, name):
                part()


if __name__ == "__main__":
    main()
