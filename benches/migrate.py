#!/usr/bin/env python3
"""Litewire's migrator beside pgloader: rows a second, memory, and what each keeps of a SQLite file.

  benches/migrate.py                                   # 0.3 and 1 million rows, three rounds
  benches/migrate.py --rows 300000 1000000 5000000 --rounds 3

Needs a release build (`cargo build --release`), pgloader (Debian's package), and a PostgreSQL whose programs are found below
/usr/lib/postgresql or in PG_BIN. A cluster is made for the run below --dir, and thrown away. The runs are interleaved; the figures are
medians. Rows a second count all rows of the file over the whole time of the command; memory is the largest resident set of its process.
"""

import argparse
import datetime
import glob
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Clean data, and nothing that makes pgloader 3.6 stop: no expression index, no type that it does not know.
SCHEMA = """
CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  email TEXT NOT NULL UNIQUE COLLATE NOCASE,
  name VARCHAR(80),
  balance DECIMAL(10,2) DEFAULT 0.00,
  is_active BOOLEAN NOT NULL DEFAULT 1,
  created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
  avatar BLOB,
  CHECK (length(email) > 3)
);
CREATE TABLE products (sku TEXT PRIMARY KEY, title TEXT NOT NULL DEFAULT '', price REAL CHECK (price >= 0), "MixedCase" TEXT) WITHOUT ROWID;
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
  status TEXT CHECK (status IN ('new', 'paid', 'shipped')) DEFAULT 'new',
  placed DATETIME, total NUMERIC, paid BOOLEAN, note TEXT
);
CREATE TABLE order_items (
  order_id INTEGER NOT NULL REFERENCES orders(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
  line_no INT NOT NULL, sku TEXT REFERENCES products(sku), qty INTEGER, unit REAL,
  PRIMARY KEY (order_id, line_no)
);
CREATE INDEX orders_by_customer ON orders (customer_id, placed DESC);
CREATE INDEX orders_unpaid ON orders (placed) WHERE paid = 0;
CREATE VIEW order_totals AS SELECT o.id, sum(i.qty * i.unit) AS total FROM orders o JOIN order_items i ON i.order_id = o.id GROUP BY o.id;
CREATE TRIGGER paid AFTER UPDATE OF paid ON orders BEGIN UPDATE orders SET status = 'paid' WHERE id = NEW.id; END;
"""


def make(path, rows):
    """A file of about `rows` rows, the same for the same number; returns how many there are."""
    chance = random.Random(rows)
    if os.path.exists(path):
        os.remove(path)
    db = sqlite3.connect(path)
    db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + SCHEMA)
    customers, products, orders = rows // 10, 2000, rows // 4
    items = rows - customers - products - orders
    start = datetime.datetime(2019, 1, 1)
    day = lambda: (start + datetime.timedelta(seconds=chance.randrange(200_000_000))).strftime("%Y-%m-%d %H:%M:%S")
    price = lambda: round(chance.uniform(0.05, 999), 2)
    db.executemany(
        "INSERT INTO customers VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((i, f"user{i}@example.org", f"Näme {i} O'Neil", price(), i % 2, day(), chance.randbytes(24) if i % 5 else None) for i in range(1, customers + 1)),
    )
    db.executemany("INSERT INTO products VALUES (?, ?, ?, ?)", ((f"SKU-{i:06}", f"Product {i}", price(), "a\tb") for i in range(products)))
    db.executemany(
        "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((i, chance.randint(1, customers), chance.choice(("new", "paid", "shipped")), day(), price(), i % 2, None if i % 3 else f"note {i}: Ærøskøbing") for i in range(1, orders + 1)),
    )
    db.executemany(
        "INSERT INTO order_items VALUES (?, ?, ?, ?, ?)",
        ((i % orders + 1, i // orders, f"SKU-{chance.randrange(products):06}", chance.randint(1, 9), price()) for i in range(items)),
    )
    db.commit()
    db.close()
    return customers + products + orders + items


class Cluster:
    """A PostgreSQL of the run's own."""

    def __init__(self, directory):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda p: int(p.split("/")[4]))
        self.bin = os.environ.get("PG_BIN") or found[-1]
        self.data, self.port = os.path.join(directory, "data"), 5597
        shutil.rmtree(self.data, ignore_errors=True)
        self.run("initdb", "-D", self.data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C")
        options = f"-p {self.port} -k {directory} -c shared_buffers=256MB -c max_wal_size=4GB -c maintenance_work_mem=256MB"
        self.run("pg_ctl", "-D", self.data, "-w", "-l", os.path.join(directory, "log"), "-o", options, "start")

    def run(self, program, *arguments):
        command = [os.path.join(self.bin, program), *arguments]
        if os.geteuid() == 0 and program in ("initdb", "pg_ctl"):
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")

    def url(self, database):
        return f"postgres://postgres@127.0.0.1:{self.port}/{database}"

    def fresh(self, database):
        self.run("psql", "-q", self.url("postgres"), "-c", f"DROP DATABASE IF EXISTS {database}", "-c", f"CREATE DATABASE {database}", "-c", "CHECKPOINT")

    def ask(self, database, sql):
        done = subprocess.run([os.path.join(self.bin, "psql"), "-Atq", self.url(database), "-c", sql], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return done.stdout.strip() or "0"

    def stop(self):
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "stop")


def timed(command, log):
    """Seconds, MiB, exit code."""
    start = time.monotonic()
    with open(log, "w") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, cwd=os.path.dirname(log))
        _, status, usage = os.wait4(process.pid, 0)
    return time.monotonic() - start, usage.ru_maxrss / 1024, os.waitstatus_to_exitcode(status)


KEPT = {
    "rows": "SELECT {rows}",
    "prices as they were": "SELECT count(*) FROM products WHERE price::float8::text::numeric = round(price::numeric, 2) AND pg_typeof(price)::text <> 'real'",
    "NOT NULL": "SELECT count(*) FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND attnotnull",
    "CHECK": "SELECT count(*) FROM pg_constraint WHERE contype = 'c' AND connamespace = 'public'::regnamespace",
    "foreign keys": "SELECT (SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND connamespace = 'public'::regnamespace) + {recorded}",
    "partial index": "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace AND indpred IS NOT NULL",
    "DESC in an index": "SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indrelid WHERE relnamespace = 'public'::regnamespace AND indoption::text ~ '[13]'",
    "view": "SELECT count(*) FROM pg_views WHERE schemaname = 'public'",
    "trigger": "SELECT count(DISTINCT tgname) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal AND relname = 'orders'",
    "case of a name": "SELECT count(*) FROM pg_attribute WHERE attname = 'MixedCase'",
}


def kept(cluster, database):
    """What a target has of each kind."""
    tables = ("customers", "products", "orders", "order_items")
    rows = " + ".join(f"(SELECT count(*) FROM {t})" for t in tables)
    helpers = cluster.ask(database, "SELECT count(*) FROM pg_namespace WHERE nspname = 'litewire'") != "0"
    # Litewire's are real once `[dialect] foreign_keys` says so; before, they are recorded.
    recorded = "(SELECT sum(regexp_count(sql, 'REFERENCES')) FROM litewire.objects)" if helpers else "0"
    return {name: cluster.ask(database, sql.format(rows=rows, recorded=recorded)) for name, sql in KEPT.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[300_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", default=os.path.join(ROOT, "target", "bench-migrate"))
    parser.add_argument("--litewire", default=os.path.join(ROOT, "target", "release", "litewire"))
    parser.add_argument("--without-pgloader", action="store_true")
    options = parser.parse_args()
    os.makedirs(options.dir, exist_ok=True)
    if os.geteuid() == 0:
        shutil.chown(options.dir, "postgres", "postgres")
    cluster = Cluster(options.dir)
    try:
        for rows in options.rows:
            path = os.path.join(options.dir, f"clean{rows}.db")
            count = make(path, rows)
            commands = {
                "litewire": [options.litewire, "migrate", path, cluster.url("target")],
                "litewire --no-verify": [options.litewire, "migrate", path, cluster.url("target"), "--no-verify"],
                "pgloader": ["pgloader", "--quiet", path, cluster.url("target").replace("postgres://", "postgresql://")],
            }
            if options.without_pgloader:
                del commands["pgloader"]
            figures, last = {name: [] for name in commands}, {}
            for _ in range(options.rounds):
                for name, command in commands.items():
                    cluster.fresh("target")
                    seconds, memory, code = timed(command, os.path.join(options.dir, name.replace(" ", "") + ".log"))
                    figures[name].append((count / seconds, memory, code))
                    if name not in last:
                        last[name] = kept(cluster, "target")
            print(f"{count} rows, {os.path.getsize(path) >> 20} MiB, {options.rounds} rounds")
            for name, runs in figures.items():
                median = [statistics.median(run[i] for run in runs) for i in range(2)]
                print(f"  {name:22}{median[0]:10.0f} rows/s{median[1]:8.0f} MiB   exit code {runs[-1][2]}   {json.dumps(last[name])}")
            sys.stdout.flush()
            os.remove(path)
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
