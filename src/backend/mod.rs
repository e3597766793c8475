//! TODO (stand-in for the command line's sake; the server's own branch replaces this file)

/// TODO
pub mod catalog {
    use crate::catalog::Catalog;

    /// Loads the catalog of the client's database.
    pub async fn load(_client: &tokio_postgres::Client) -> Result<Catalog, tokio_postgres::Error> {
        todo!()
    }
}
