//! What a new cluster is given: the role, its database, and notice of schema changes.

use super::cluster::{DATABASE, ROLE};
use tokio_postgres::{Client, Config, Error, NoTls};

/// Announces every schema change on the channel `litewire_ddl`. Only a superuser may create event triggers, so that the
/// role cannot do this for itself; in a schema of its own, since the role may drop what is in `public`.
const NOTIFY_DDL: &str = "
CREATE SCHEMA litewire_admin;
CREATE FUNCTION litewire_admin.notify_ddl() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS
$$ BEGIN PERFORM pg_catalog.pg_notify('litewire_ddl', ''); END $$;
CREATE EVENT TRIGGER litewire_ddl_end ON ddl_command_end EXECUTE FUNCTION litewire_admin.notify_ddl();
CREATE EVENT TRIGGER litewire_sql_drop ON sql_drop EXECUTE FUNCTION litewire_admin.notify_ddl();
";

/// Sets the cluster up, as its superuser; what is there already stays. `maintenance` leads to the database `postgres`.
pub(super) async fn run(maintenance: &Config) -> Result<(), Error> {
    let client = connect(maintenance).await?;
    let row = "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), EXISTS (SELECT FROM pg_database WHERE datname = $2)";
    let row = client.query_one(row, &[&ROLE, &DATABASE]).await?;
    if !row.get::<_, bool>(0) {
        // The role's name is the helper schema's: its own tables must not go there.
        client.batch_execute(&format!("CREATE ROLE {ROLE} LOGIN; ALTER ROLE {ROLE} SET search_path = public")).await?;
    }
    if !row.get::<_, bool>(1) {
        client.batch_execute(&format!("CREATE DATABASE {DATABASE} OWNER {ROLE}")).await?;
    }
    let client = connect(maintenance.clone().dbname(DATABASE)).await?;
    let exists = "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'litewire_admin')";
    if !client.query_one(exists, &[]).await?.get::<_, bool>(0) {
        // Several statements in one message are one transaction: all of it is there, or nothing.
        client.batch_execute(NOTIFY_DDL).await?;
    }
    Ok(())
}

/// The connection ends with the client.
async fn connect(config: &Config) -> Result<Client, Error> {
    let (client, connection) = config.connect(NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
