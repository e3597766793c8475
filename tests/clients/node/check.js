// What node-postgres makes of the answers: `?` in its text, numbers that are numbers, prepared statements, transactions.
"use strict";
const assert = require("node:assert/strict");
const { Client, Pool } = require("pg");

const connectionString = process.env.DATABASE_URL;

async function main() {
  const client = new Client({ connectionString });
  await client.connect();
  await placeholders(client);
  await types(client);
  await untyped(client);
  await named(client);
  await counters(client);
  await transactions(client);
  await errors(client);
  await dialects(client);
  await client.end();
  await pooled();
}

async function placeholders(client) {
  await client.query(`
    CREATE TABLE users (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT, score REAL, active BOOLEAN DEFAULT 1, made DATETIME DEFAULT CURRENT_TIMESTAMP);
    CREATE INDEX users_name ON users (name);
  `);
  await client.query("INSERT INTO users (name, score) VALUES (?, ?)", ["ann", 1.5]);
  await client.query("INSERT INTO users (name, score) VALUES (?1, ?2)", ["bob?", null]);
  await client.query("INSERT INTO users (name, score) VALUES ($1, $2)", ["it's", 3]);
  const one = await client.query("SELECT * FROM users WHERE id = ?", [1]);
  assert.equal(one.rows[0].name, "ann");
  const quoted = await client.query("SELECT id, '?' AS q FROM users WHERE name = ? -- ?", ["bob?"]);
  assert.deepEqual(quoted.rows, [{ id: 2, q: "?" }]);
  const like = await client.query("SELECT name FROM users WHERE name LIKE ? ORDER BY name", ["%B%"]);
  assert.deepEqual(like.rows, [{ name: "bob?" }]);
  const paged = await client.query("SELECT id FROM users ORDER BY id LIMIT ? OFFSET ?", [1, 1]);
  assert.deepEqual(paged.rows, [{ id: 2 }]);
}

async function types(client) {
  const { rows } = await client.query("SELECT * FROM users WHERE id = 1");
  const row = rows[0];
  assert.equal(typeof row.id, "number");
  assert.equal(row.score, 1.5);
  assert.equal(row.active, 1);
  assert.match(row.made, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  const count = await client.query("SELECT COUNT(*) AS count FROM users");
  assert.equal(count.rows[0].count, 3);
  const sums = await client.query("SELECT sum(id) AS s, avg(id) AS a, max(score) AS m, id > 1 AS later FROM users WHERE id = ?", [2]);
  assert.deepEqual(sums.rows, [{ s: 2, a: 2, m: null, later: 1 }]);
  const big = await client.query("SELECT 3000000000 AS n, 9007199254740991 AS m");
  assert.deepEqual(big.rows, [{ n: 3000000000, m: 9007199254740991 }]);
  await client.query("CREATE TABLE blobs (b BLOB)");
  await client.query("INSERT INTO blobs VALUES (?)", [Buffer.from([0, 255, 1])]);
  const blob = await client.query("SELECT b, length(b) AS n FROM blobs");
  assert.deepEqual(blob.rows, [{ b: Buffer.from([0, 255, 1]), n: 3 }]);
  await client.query("CREATE TABLE docs (j TEXT)");
  await client.query("INSERT INTO docs VALUES (?)", [JSON.stringify({ a: [1, "x"] })]);
  const doc = await client.query("SELECT j, json_extract(j, '$.a[1]') AS x, j ->> '$.a[1]' AS y FROM docs");
  assert.deepEqual(doc.rows, [{ j: '{"a":[1,"x"]}', x: "x", y: "x" }]);
}

// The driver sends every parameter as text without a type: the column that it meets says what it is.
async function untyped(client) {
  await client.query("CREATE TABLE u (i INTEGER, t TEXT, r REAL, n NUMERIC)");
  const texts = ["007", "1e5", "5.0", "", "12345678901234567890"];
  for (const text of texts) await client.query("INSERT INTO u (t) VALUES (?)", [text]);
  assert.deepEqual((await client.query("SELECT t FROM u ORDER BY rowid")).rows.map((row) => row.t), texts);
  for (const text of texts) assert.equal((await client.query("SELECT count(*) AS c FROM u WHERE t = ?", [text])).rows[0].c, 1, text);
  await client.query("DELETE FROM u");
  await client.query("INSERT INTO u (i, r) VALUES (?, ?)", ["007", "5.0"]);
  await client.query("INSERT INTO u (i, r) VALUES (?, ?)", ["5.0", "1e5"]);
  const { rows } = await client.query("SELECT i, typeof(i) AS ti, r, typeof(r) AS tr FROM u ORDER BY rowid");
  assert.deepEqual(rows, [
    { i: 7, ti: "integer", r: 5, tr: "real" },
    { i: 5, ti: "integer", r: 100000, tr: "real" },
  ]);
  assert.deepEqual((await client.query("SELECT i FROM u WHERE i = ?", ["007"])).rows, [{ i: 7 }]);
  assert.deepEqual((await client.query("SELECT i FROM u WHERE i = ?", [""])).rows, []);
  assert.deepEqual((await client.query("SELECT i FROM u WHERE i < ? ORDER BY i", ["12345678901234567890"])).rows, [{ i: 5 }, { i: 7 }]);
  assert.deepEqual((await client.query("SELECT ? AS v", ["007"])).rows, [{ v: "007" }]);
  await client.query("CREATE TABLE w (n TEXT, f BOOLEAN, b BLOB, d DATETIME, j TEXT)");
  const [day, json] = [new Date("2024-02-29T12:34:56Z"), { a: [1, "it's ?"], b: null }];
  await client.query("INSERT INTO w VALUES (?, ?, ?, ?, ?)", [null, 1, Buffer.from([0, 39, 255]), day, json]);
  const [row] = (await client.query("SELECT * FROM w WHERE f = ? AND n IS ?", [1, null])).rows;
  assert.deepEqual([row.n, row.f, row.b, JSON.parse(row.j)], [null, 1, Buffer.from([0, 39, 255]), json]);
  assert.equal(new Date(row.d).getTime(), day.getTime());
}

async function named(client) {
  const byId = { name: "user-by-id", text: "SELECT name FROM users WHERE id = ?" };
  for (const [id, name] of [[1, "ann"], [2, "bob?"], [1, "ann"], [99, undefined]]) {
    const { rows } = await client.query({ ...byId, values: [id] });
    assert.equal(rows[0]?.name, name);
  }
  const insert = { name: "add", text: "INSERT INTO users (name) VALUES (?)" };
  for (let i = 0; i < 3; i++) await client.query({ ...insert, values: [`n${i}`] });
  const { rows } = await client.query("SELECT last_insert_rowid() AS id, (SELECT max(id) FROM users) AS top");
  assert.equal(rows[0].id, rows[0].top);
  const array = await client.query({ text: "SELECT id, name FROM users ORDER BY id LIMIT 1", rowMode: "array" });
  assert.deepEqual(array.rows, [[1, "ann"]]);
}

async function counters(client) {
  const inserted = await client.query("INSERT INTO users (name) VALUES (?), (?)", ["x", "y"]);
  assert.equal(inserted.rowCount, 2);
  assert.deepEqual(inserted.rows, []);
  assert.equal((await client.query("SELECT changes() AS c")).rows[0].c, 2);
  const updated = await client.query("UPDATE users SET score = 9 WHERE name IN (?, ?)", ["x", "y"]);
  assert.equal(updated.rowCount, 2);
  const returned = await client.query("INSERT INTO users (name) VALUES (?) RETURNING id, name", ["r"]);
  assert.equal(returned.rows[0].name, "r");
  assert.equal((await client.query("SELECT last_insert_rowid() AS id")).rows[0].id, returned.rows[0].id);
  const nothing = await client.query("INSERT OR IGNORE INTO users (id, name) VALUES (1, 'again')");
  assert.equal(nothing.rowCount, 0);
}

async function transactions(client) {
  await client.query("BEGIN");
  await client.query("INSERT INTO users (id, name) VALUES (?, ?)", [500, "kept"]);
  await assert.rejects(client.query("INSERT INTO users (id, name) VALUES (?, ?)", [500, "twice"]), { code: "23505" });
  await client.query("INSERT INTO users (id, name) VALUES (?, ?)", [501, "kept too"]);
  await client.query("COMMIT");
  assert.equal((await client.query("SELECT count(*) AS c FROM users WHERE id >= 500")).rows[0].c, 2);
  await client.query("BEGIN IMMEDIATE");
  await client.query("DELETE FROM users");
  await client.query("ROLLBACK");
  assert.ok((await client.query("SELECT count(*) AS c FROM users")).rows[0].c > 2);
}

async function errors(client) {
  await client.query("CREATE TABLE e (id INTEGER PRIMARY KEY, k TEXT UNIQUE NOT NULL)");
  await client.query("INSERT INTO e (k) VALUES ('a')");
  const failure = await client.query("INSERT INTO e (k) VALUES (?)", ["a"]).catch((error) => error);
  assert.equal(failure.code, "23505");
  assert.ok(`${failure.message} ${failure.detail}`.includes("UNIQUE constraint failed: e.k"), failure.message);
  await assert.rejects(client.query("INSERT INTO e (k) VALUES (?)", [null]), { code: "23502" });
  await assert.rejects(client.query("SELECT * FROM nosuch"), { code: "42P01" });
  await assert.rejects(client.query("SELECT nosuch FROM e"), { code: "42703" });
  const syntax = await client.query("SELECT id FRM e WHERE").catch((error) => error);
  assert.equal(syntax.code, "42601");
  assert.equal((await client.query("SELECT 1 AS alive")).rows[0].alive, 1);
}

async function dialects(client) {
  await client.query("SET litewire.dialect = 'postgres'");
  assert.equal((await client.query("SELECT count(*) AS c FROM e")).rows[0].c, "1");
  assert.equal((await client.query("SELECT $1::int / 2 AS h, now() IS NOT NULL AS n", [7])).rows[0].n, true);
  await client.query("SET litewire.dialect = 'sqlite'");
  assert.equal((await client.query("SELECT count(*) AS c FROM e")).rows[0].c, 1);
}

// Many clients, few backends: every client has its own counter.
async function pooled() {
  const pool = new Pool({ connectionString, max: 40 });
  pool.on("error", (error) => assert.fail(error));
  await pool.query("CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, worker INTEGER, round INTEGER)");
  const worker = async (me) => {
    const client = await pool.connect();
    for (let round = 0; round < 10; round++) {
      await client.query("INSERT INTO p (worker, round) VALUES (?, ?)", [me, round]);
      const { rows } = await client.query("SELECT worker, round FROM p WHERE id = last_insert_rowid()");
      assert.deepEqual(rows, [{ worker: me, round }]);
    }
    client.release();
  };
  await Promise.all(Array.from({ length: 40 }, (_, me) => worker(me)));
  assert.equal((await pool.query("SELECT count(*) AS c FROM p")).rows[0].c, 400);
  await pool.end();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
