//! What other crates' tests stand on.

use local_stack::testing::{TestDatabase, TestNats};
use sqlx::{Connection, PgConnection};

#[tokio::test]
async fn every_test_database_is_empty_and_of_its_own() {
    let (one, two) = (TestDatabase::create().await.unwrap(), TestDatabase::create().await.unwrap());
    let mut one = PgConnection::connect(one.url()).await.unwrap();
    let mut two = PgConnection::connect(two.url()).await.unwrap();
    sqlx::query("CREATE TABLE mine()").execute(&mut one).await.unwrap();
    let there: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('mine')::text").fetch_one(&mut two).await.unwrap();
    assert_eq!(there, None);
}

#[test]
fn the_shared_server_outlives_the_runtime_that_started_it() {
    let new_runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for _ in 0..2 {
        new_runtime().block_on(async {
            let database = TestDatabase::create().await.unwrap();
            PgConnection::connect(database.url()).await.unwrap().ping().await.unwrap();
        });
    }
}

#[tokio::test]
async fn every_test_bus_is_of_its_own() {
    let (one, two) = tokio::try_join!(TestNats::start(), TestNats::start()).unwrap();
    assert_ne!(one.url(), two.url());
}
