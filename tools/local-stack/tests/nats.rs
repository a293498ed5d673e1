//! The private nats-server, as an application meets it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use async_nats::jetstream::{self, stream};
use local_stack::{Error, NatsOptions, NatsServer, testing::TestNats};
use support::Scratch;

async fn bus(url: String) -> jetstream::Context {
    jetstream::new(async_nats::connect(url).await.unwrap())
}

async fn publish_one(url: String) {
    let bus = bus(url).await;
    let config = stream::Config { name: "KEPT".into(), subjects: vec!["kept".into()], ..Default::default() };
    bus.create_stream(config).await.unwrap();
    bus.publish("kept", "one".into()).await.unwrap().await.unwrap();
}

async fn messages(url: String) -> u64 {
    let mut stream = bus(url).await.get_stream("KEPT").await.unwrap();
    stream.info().await.unwrap().state.messages
}

#[tokio::test]
async fn messages_survive_a_restart_and_a_kill() {
    let mut nats = TestNats::start().await.unwrap();
    publish_one(nats.url()).await;
    nats.restart().await.unwrap();
    assert_eq!(messages(nats.url()).await, 1);
    nats.kill().await.unwrap();
    nats.restart().await.unwrap();
    assert_eq!(messages(nats.url()).await, 1);
}

#[tokio::test]
async fn a_wiped_bus_is_empty_and_has_its_old_address() {
    let mut nats = TestNats::start().await.unwrap();
    let url = nats.url();
    publish_one(url.clone()).await;
    nats.wipe_store().await.unwrap();
    assert_eq!(nats.url(), url);
    assert!(bus(url).await.get_stream("KEPT").await.is_err());
}

#[tokio::test]
async fn a_stopped_server_is_gone_and_its_store_serves_one_run_at_a_time() {
    let scratch = Scratch::new();
    let options = NatsOptions::new(scratch.path("a \"quoted\" store"), scratch.path("nats.log"));
    let server = NatsServer::start(&options).await.unwrap();
    let second = NatsServer::start(&options).await;
    assert!(matches!(second, Err(Error::InUse { .. })), "{second:?}");
    publish_one(server.url()).await;
    server.stop().await.unwrap();
    assert!(!server.is_running());
    assert!(!local_stack::ports::is_listening(local_stack::ports::loopback(server.port())));
    drop(server);
    let server = NatsServer::start(&options).await.unwrap();
    assert_eq!(messages(server.url()).await, 1);
}
