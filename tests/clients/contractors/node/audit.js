// One audit: collect from every source, look at what is there, write the verdict.
"use strict";
const db = require("./db");

const SOURCES = ["license_board", "court_records", "reviews"];

async function startLog(contractorId, source, client) {
  return db.insert(
    "INSERT INTO collection_log (contractor_id, source_name, requested_by, status, started_at) VALUES (?, ?, ?, 'pending', datetime('now'))",
    [contractorId, source, "audit"],
    client,
  );
}

async function storeRawData(contractorId, source, client) {
  const structured = { source, found: true, scores: [1, 2.5, null], note: 'it\'s "fine"?' };
  return db.insert(
    `INSERT INTO contractor_raw_data (contractor_id, source_name, source_url, raw_text, structured_data, fetch_status, fetched_at, expires_at)
     VALUES (?, ?, ?, ?, ?, 'success', datetime('now'), datetime('now', '+7 days'))`,
    [contractorId, source, `https://example.com/?id=${contractorId}`, "what's this?", JSON.stringify(structured)],
    client,
  );
}

async function collect(contractorId, source) {
  return db.transaction(async (client) => {
    const logId = await startLog(contractorId, source, client);
    const rawId = await storeRawData(contractorId, source, client);
    const log = await db.get("SELECT * FROM collection_log WHERE id = ?", [logId], client);
    if (log.contractor_id !== contractorId || log.source_name !== source) throw new Error(`log ${logId} is another worker's`);
    await db.run("UPDATE collection_log SET status = 'completed', completed_at = datetime('now') WHERE id = ?", [logId], client);
    return rawId;
  });
}

// An attempt that breaks off: nothing of it may stay.
async function failedAttempt(contractorId) {
  const failure = await db
    .transaction(async (client) => {
      await startLog(contractorId, "unreachable", client);
      await storeRawData(contractorId, "unreachable", client);
      throw new Error("source is unreachable");
    })
    .catch((error) => error);
  if (failure.message !== "source is unreachable") throw failure;
}

async function runAudit(contractorId) {
  const contractor = await db.get("SELECT * FROM contractors_contractor WHERE id = ?", [contractorId]);
  if (!contractor) throw new Error(`no contractor ${contractorId}`);
  const auditId = await db.withClient((client) =>
    db.insert("INSERT INTO audit_records (contractor_id, audit_type, status, started_at) VALUES (?, ?, 'running', datetime('now'))", [contractor.id, "full"], client),
  );
  const rawIds = [];
  for (const source of SOURCES) rawIds.push(await collect(contractorId, source));
  await failedAttempt(contractorId);
  const fresh = await db.all(
    "SELECT id, structured_data, fetched_at FROM contractor_raw_data WHERE contractor_id = ? AND fetch_status = 'success' AND expires_at > datetime('now') ORDER BY id",
    [contractorId],
  );
  const mine = fresh.filter((row) => rawIds.includes(row.id));
  const summary = { sources: mine.length, verdict: mine.every((row) => db.json(row.structured_data).found) ? "pass" : "fail", name: contractor.business_name };
  const changed = await db.run(
    "UPDATE audit_records SET status = 'completed', completed_at = datetime('now'), result_summary = ?, deepseek_tokens_used = ? WHERE id = ? AND status = 'running'",
    [JSON.stringify(summary), 100, auditId],
  );
  if (changed !== 1 || mine.length !== SOURCES.length) throw new Error(`audit ${auditId}: ${changed} changed, ${mine.length} sources`);
  return auditId;
}

module.exports = { runAudit, SOURCES };
