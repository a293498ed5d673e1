//! Everything delivered three times, shuffled: the read model is the one a fresh look at the log makes (F12).

use event_bus::Bus;
use local_stack::testing::TestNats;
use projector::{
    projection::contract::PROJECTIONS,
    rebuild::{Ended, Pace, Rebuild, place::Place},
};
use rand::{SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};
use schemas::{Position, subject};
use tokio_util::sync::CancellationToken;

use crate::{deeds::ADA, events::LABELS, hub::Hub};

#[tokio::test]
async fn delivered_three_times_and_shuffled_the_read_model_is_the_same() {
    let mut hub = Hub::without_projection().await;
    let server = TestNats::start().await.unwrap();
    Bus::connect(&server.url(), "test").await.unwrap().ensure_stream().await.unwrap();
    hub.start_projection_on(&server.url());
    hub.whole_journey().await;
    for n in 2..=12 {
        hub.submit(n, ADA, "Cloud").await;
        hub.analyze(n, ADA, LABELS).await;
    }
    hub.work_on(1).await;
    let events = hub.store.read_all(Position::START, 100).await.unwrap();
    let mut events = [events.clone(), events.clone(), events].concat();
    events.shuffle(&mut StdRng::seed_from_u64(12));
    let client = async_nats::connect(server.url()).await.unwrap();
    for event in &events {
        let payload = serde_json::to_vec(event).unwrap().into();
        client.publish(subject::of(event), payload).await.unwrap();
    }
    client.flush().await.unwrap();
    hub.settled().await;
    let rebuild = Rebuild::new(hub.pool().clone(), hub.keys.clone(), Pace::FAST, CancellationToken::new());
    let built = rebuild.build(Place::Shadow, &PROJECTIONS, &|_| {}).await.unwrap();
    assert!(matches!(built, Ended::Built(_)));
    let comparison = rebuild.compare(Place::Shadow, &|_| {}).await.unwrap();
    assert!(comparison.is_equal(), "{comparison:?}");
}
