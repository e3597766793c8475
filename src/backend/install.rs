//! The helper schema: put into a database when it is missing or older than this program.

use crate::helpers;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// Any two proxies that install at the same time take turns by this advisory lock.
const LOCK: i64 = 0x6c69_7465_7769_7265;

/// What tells of DDL: every session's, at once. Only a superuser may create it; without it the catalog is polled.
const EVENT_TRIGGER: &str = "
CREATE OR REPLACE FUNCTION litewire.notify_ddl() RETURNS event_trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_catalog.pg_notify('litewire_ddl', ''); END $$;
DROP EVENT TRIGGER IF EXISTS litewire_ddl;
CREATE EVENT TRIGGER litewire_ddl ON ddl_command_end EXECUTE FUNCTION litewire.notify_ddl();
DROP EVENT TRIGGER IF EXISTS litewire_drop;
CREATE EVENT TRIGGER litewire_drop ON sql_drop EXECUTE FUNCTION litewire.notify_ddl();";

/// Installs or upgrades; a failure is logged with what to do, and the proxy goes on without.
pub(super) async fn ensure(client: &Client) {
    let Err(error) = install(client).await else { return };
    let reason = super::control::detail(&error);
    if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
        tracing::warn!(%reason, "this role may not create the helper schema; as the database's owner run: litewire helpers --print | psql DATABASE");
    } else {
        tracing::warn!(%reason, "cannot install the helper schema; try: litewire helpers --print | psql DATABASE");
    }
}

/// Installs or upgrades, in one transaction.
pub async fn install(client: &Client) -> Result<(), tokio_postgres::Error> {
    let outcome = async {
        if installed(client).await? >= Some(helpers::VERSION) {
            return Ok(());
        }
        client.batch_execute(&format!("BEGIN; SELECT pg_catalog.pg_advisory_xact_lock({LOCK})")).await?;
        if installed(client).await? < Some(helpers::VERSION) {
            client.batch_execute(helpers::SQL).await?;
            let version = helpers::VERSION.to_string();
            let upsert = "INSERT INTO litewire.meta (key, value) VALUES ('helpers', $1) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
            client.execute(upsert, &[&version]).await?;
            if client.query_one("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user", &[]).await?.get(0) {
                client.batch_execute(EVENT_TRIGGER).await?;
            }
            tracing::info!(version = helpers::VERSION, "installed the helper schema");
        }
        client.batch_execute("COMMIT").await
    };
    let outcome = outcome.await;
    if outcome.is_err() {
        // After a lost connection there is nothing to roll back.
        let _ = client.batch_execute("ROLLBACK").await;
    }
    outcome
}

/// The version that is there.
async fn installed(client: &Client) -> Result<Option<u32>, tokio_postgres::Error> {
    if !client.query_one("SELECT to_regclass('litewire.meta') IS NOT NULL", &[]).await?.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let row = client.query_opt("SELECT value FROM litewire.meta WHERE key = 'helpers'", &[]).await?;
    let value = row.map(|row| row.try_get::<_, Option<String>>(0)).transpose()?.flatten();
    Ok(value.and_then(|value| value.parse().ok()))
}
