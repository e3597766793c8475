// The service's way to its data. Written for SQLite; the one change of the move is where the pool connects to.
"use strict";
const { Pool } = require("pg");

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: 20,
  idleTimeoutMillis: 30000,
  connectionTimeoutMillis: 2000,
});
pool.on("error", (error) => console.error("idle connection lost:", error.message));

async function all(sql, params = [], client = pool) {
  return (await client.query(sql, params)).rows;
}

async function get(sql, params = [], client = pool) {
  return (await all(sql, params, client))[0];
}

async function run(sql, params = [], client = pool) {
  return (await client.query(sql, params)).rowCount;
}

// The id that an INSERT made; on the client that made it.
async function insert(sql, params, client) {
  await client.query(sql, params);
  const { rows } = await client.query("SELECT last_insert_rowid()");
  return rows[0]["last_insert_rowid()"];
}

async function withClient(work) {
  const client = await pool.connect();
  try {
    return await work(client);
  } finally {
    client.release();
  }
}

async function transaction(work) {
  return withClient(async (client) => {
    await client.query("BEGIN");
    try {
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    } catch (error) {
      await client.query("ROLLBACK");
      throw error;
    }
  });
}

async function healthCheck() {
  await pool.query("SELECT 1");
  return true;
}

// A JSON column is text on SQLite; where it is jsonb the driver may have parsed it.
function json(value) {
  return typeof value === "string" ? JSON.parse(value) : value;
}

module.exports = { pool, all, get, run, insert, transaction, withClient, healthCheck, json };
