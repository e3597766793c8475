#!/usr/bin/env python3
"""Times other translators on the statements of benches/translate.sql, as benches/translate.rs times Litewire.

    pip install sqlglot polyglot-sql
    python3 benches/translators.py

Each time is the least of many. A translator that is not installed is left out. What they print is another matter: neither
knows the schema, and neither aims at SQLite's answers.
"""
import importlib, statistics, time
from pathlib import Path


def least(call, seconds=0.3):
    """The least time of a call, in seconds."""
    best, rounds, start = float("inf"), 0, time.perf_counter()
    while rounds < 20 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - before)
        rounds += 1
    return best


def translators():
    calls = {"sqlglot": lambda m, sql: m.transpile(sql, read="sqlite", write="postgres"),
             "polyglot_sql": lambda m, sql: m.transpile(sql, read="sqlite", write="postgres")}
    for name, call in calls.items():
        try:
            module = importlib.import_module(name)
        except ImportError:
            print(f"{name} is not installed")
            continue
        yield name, lambda sql, module=module, call=call: call(module, sql)


def main():
    text = Path(__file__).with_name("translate.sql").read_text()
    statements = [line.rstrip(";") for line in text.split("----\n")[1].splitlines()]
    known = list(translators())
    print("| statement | bytes | " + " | ".join(f"{name} µs" for name, _ in known) + " |\n|---|---:|" + "---:|" * len(known))
    times = {name: [] for name, _ in known}
    for number, sql in enumerate(statements):
        cells = []
        for name, translate in known:
            try:
                took = least(lambda: translate(sql))
                times[name].append(took)
                cells.append(f"{took * 1e6:.0f}")
            except Exception as error:  # whatever its parser throws
                cells.append(type(error).__name__)
        print(f"| {number}: `{sql[:40]}` | {len(sql)} | " + " | ".join(cells) + " |")
    for name, took in times.items():
        if took:
            print(f"\n{name}: median {statistics.median(took) * 1e6:.0f} µs")


if __name__ == "__main__":
    main()
