//! Another model's answers beside those of the log, which stays as it is.

use analyzer_worker::{
    replay::{ReplaySettings, replay},
    settings::PrecisionChoice,
};
use service_host::settings::Backbone;
use subscription::Reaction as _;

use crate::{support, world::World};

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_compares_every_answer_and_changes_nothing() {
    let world = World::new().await;
    let worker = world.worker();
    for text in [support::TICKET, "How do I share a calendar with a colleague?"] {
        let (ticket, _) = world.submit(text).await;
        worker.react(&world.stream(ticket).await).await;
    }
    let end = world.store.head().await.unwrap();
    let model = support::settings(PrecisionChoice::F32);
    let settings = ReplaySettings {
        candidate: model.heads_dir.clone(),
        from: 1,
        to: None,
        shadow: false,
        backbone: Backbone {
            database_url: world.database.url().to_owned().into(),
            nats_url: crate::NOBODY.to_owned(),
            master_key_file: world.master_key_file(),
        },
        model,
    };
    let report = replay(settings.clone()).await.unwrap();
    assert!(report.starts_with("2 answers compared"), "{report}");
    assert!(report.contains("category: 0 would change (0.0 %)"), "{report}");
    let later = replay(ReplaySettings { from: end.0, ..settings }).await.unwrap();
    assert!(later.starts_with("1 answers compared"), "{later}");
    assert_eq!(world.store.head().await.unwrap(), end);
}
