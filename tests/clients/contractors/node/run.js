// The service's tasks, each a check: run.js seed N | sanity | audits N | account N
"use strict";
const assert = require("node:assert/strict");
const db = require("./db");
const { runAudit, SOURCES } = require("./audit");

// Contractors for a schema without the admin.
async function seed(contractors) {
  const ids = await db.transaction(async (client) => {
    const ids = [];
    for (let n = 0; n < contractors; n++) {
      ids.push(await db.insert("INSERT INTO contractors_contractor (business_name, city, active, created_at) VALUES (?, ?, 1, datetime('now'))", [`Contractor ${n}`, "Tacoma"], client));
    }
    return ids;
  });
  assert.equal(new Set(ids).size, contractors);
}

async function sanity() {
  assert.equal(await db.healthCheck(), true);
  const { count } = await db.get("SELECT COUNT(*) AS count FROM contractors_contractor");
  assert.equal(typeof count, "number");
  const rows = await db.all("SELECT * FROM contractors_contractor ORDER BY business_name LIMIT ?", [5]);
  assert.ok(rows.length === 5 && rows.every((row) => typeof row.id === "number"));
  assert.equal(await db.get("SELECT * FROM contractors_contractor WHERE id = ?", [-1]), undefined);
  const { active } = await db.get("SELECT active FROM contractors_contractor WHERE active = 1 LIMIT 1");
  assert.equal(active, 1);
}

// So many audits at once, each of a contractor of its own.
async function audits(workers) {
  const contractors = await db.all("SELECT id FROM contractors_contractor ORDER BY id LIMIT ?", [workers]);
  assert.equal(contractors.length, workers);
  const ids = await Promise.all(contractors.map(({ id }) => runAudit(id)));
  assert.equal(new Set(ids).size, workers);
  for (const id of ids) {
    const audit = await db.get("SELECT * FROM audit_records WHERE id = ?", [id]);
    assert.equal(audit.status, "completed");
    assert.equal(audit.deepseek_tokens_used, 100);
    assert.deepEqual(db.json(audit.result_summary).sources, SOURCES.length);
    assert.match(audit.completed_at, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  }
}

// Every row that so many audits write, and no other.
async function account(total) {
  const count = async (table, where = "1") => (await db.get(`SELECT COUNT(*) AS count FROM ${table} WHERE ${where}`)).count;
  assert.equal(await count("audit_records"), total);
  assert.equal(await count("audit_records", "status = 'completed'"), total);
  assert.equal(await count("contractor_raw_data"), total * SOURCES.length);
  assert.equal(await count("collection_log", "status = 'completed'"), total * SOURCES.length);
  assert.equal(await count("collection_log", "source_name = 'unreachable'"), 0);
  const perContractor = await db.all(
    "SELECT contractor_id, COUNT(*) AS n, COUNT(DISTINCT source_name) AS sources FROM contractor_raw_data GROUP BY contractor_id HAVING n % ? <> 0 OR sources <> ?",
    [SOURCES.length, SOURCES.length],
  );
  assert.deepEqual(perContractor, []);
}

const [task, number] = process.argv.slice(2);
({ seed, sanity, audits, account })[task](Number(number))
  .then(() => db.pool.end())
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
