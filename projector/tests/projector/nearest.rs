//! Similar tickets, by pgvector's index and without it. The first need a Postgres that has it: `make test` brings one.

use event_store::vector_index::{self, VectorIndex};
use projector::{drift, projection::erasure::erase};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use schemas::embedding::Embedding;
use serde_json::{Value, json};

use crate::{deeds::ADA, events::LABELS, hub::Hub, rebuild::exchange_all};

const GRACE: &str = "grace@example.com";
const TOPICS: usize = 60;
const TICKETS: usize = 3_000;

impl Hub {
    async fn ensure_index(&self) -> VectorIndex {
        let mut connection = self.pool().acquire().await.unwrap();
        vector_index::ensure(&mut connection).await.unwrap()
    }

    async fn similar(&self, number: usize) -> Value {
        self.data(&format!("/api/tickets/{number}/similar")).await
    }
}

/// A point near to that of its topic, of 384 dimensions like the model's.
fn point(topic: u64, noise: &mut StdRng) -> Vec<f32> {
    let mut centre = StdRng::seed_from_u64(topic);
    (0..384).map(|_| centre.random_range(-60.0..60.0_f32) + noise.random_range(-40.0..40.0_f32)).collect()
}

/// Tickets an hour apart, each about one of the topics, as the projection would have left them.
async fn many_tickets() -> Hub {
    let hub = Hub::without_projection().await;
    let mut noise = StdRng::seed_from_u64(7);
    let steps = |n: usize| {
        point((n % TOPICS) as u64, &mut noise).iter().map(|step| (*step as i8).cast_unsigned()).collect()
    };
    let steps: Vec<Vec<u8>> = (0..TICKETS).map(steps).collect();
    sqlx::query(
        "insert into projector.tickets (id, number, requester_id, request_type, status, needs_review, degraded, crm_status,
             created_at, updated_at, position, version)
         select 'tkt_' || lpad(n::text, 26, '0'), n, 'r', 'Network', 'open', false, false, 'pending', time, time, n, 1
         from generate_series(1, $1) n, lateral (select timestamptz '2026-01-01T00:00:00Z' + n * interval '1 h' as time) t",
    )
    .bind(TICKETS as i64)
    .execute(hub.pool())
    .await
    .unwrap();
    sqlx::query(
        "insert into projector.embeddings (ticket_id, number, created_at, space, scale, steps)
         select id, number, created_at, 'minilm-l6', 0.01, steps
         from projector.tickets join unnest($1::bytea[]) with ordinality place (steps, n) on n = number",
    )
    .bind(steps)
    .execute(hub.pool())
    .await
    .unwrap();
    sqlx::raw_sql("analyze projector.embeddings").execute(hub.pool()).await.unwrap();
    hub
}

#[tokio::test]
#[ignore = "needs a Postgres with pgvector: make test-pgvector"]
async fn by_the_index_and_one_by_one_the_same_is_found() {
    let hub = many_tickets().await;
    assert_eq!(hub.ensure_index().await, VectorIndex::Ready);
    let plan: Vec<String> = sqlx::query_scalar(
        "explain select number from projector.embeddings where octet_length(steps) = 384
         order by (projector.vector_of(steps)::vector(384)) <=> (select projector.vector_of(steps)::vector(384)
                                                                  from projector.embeddings where number = 7) limit 10",
    )
    .fetch_all(hub.pool())
    .await
    .unwrap();
    assert!(plan.join("\n").contains("embeddings_nearest"), "{plan:?}");
    let asked = [TICKETS, TICKETS / 2, 700];
    let mut by_index = vec![];
    for number in asked {
        by_index.push(hub.similar(number).await);
    }
    sqlx::raw_sql("drop index projector.embeddings_nearest").execute(hub.pool()).await.unwrap();
    for (number, mut found) in asked.into_iter().zip(by_index) {
        let mut one_by_one = hub.similar(number).await;
        assert_eq!((found["byIndex"].take(), one_by_one["byIndex"].take()), (json!(true), json!(false)));
        let compared =
            (found["compared"].take().as_u64().unwrap(), one_by_one["compared"].take().as_u64().unwrap());
        assert!(compared.0 < 20 && compared.1 > 600, "{compared:?}");
        assert_eq!(found, one_by_one, "{number}");
    }
}

/// Six tickets of two requesters, all about the same.
async fn alike() -> Hub {
    let hub = Hub::start().await;
    let mut noise = StdRng::seed_from_u64(7);
    for n in 1..=6 {
        let email = if n % 2 == 0 { GRACE } else { ADA };
        hub.submit(n, email, "Network").await;
        hub.analyze_at(n, email, Embedding::quantised("minilm-l6", &point(0, &mut noise))).await;
    }
    hub.settled().await;
    hub
}

fn numbers(similar: &Value) -> Vec<i64> {
    let mut numbers: Vec<_> = similar["tickets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|ticket| ticket["number"].as_i64().unwrap())
        .collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
#[ignore = "needs a Postgres with pgvector: make test-pgvector"]
async fn the_index_follows_its_rows_into_a_rebuild_and_out_of_an_erasure() {
    let mut hub = alike().await;
    let before = drift::check(&hub.rebuild()).await.unwrap().unwrap();
    assert_eq!(hub.ensure_index().await, VectorIndex::Ready);
    let with_index = drift::check(&hub.rebuild()).await.unwrap().unwrap();
    assert!(before.is_equal() && with_index.is_equal());
    let digests = |comparison: &projector::rebuild::digest::Comparison| -> Vec<_> {
        comparison.projections.iter().map(|one| one.live.clone()).collect()
    };
    assert_eq!(digests(&before), digests(&with_index), "no digest knows of the index");
    exchange_all(&hub).await;
    let found = hub.data("/api/tickets/11/similar?limit=5").await;
    assert_eq!((&found["byIndex"], numbers(&found)), (&json!(true), vec![1, 3, 5, 7, 9]));
    // Written by the live projection into the tables of the rebuild.
    hub.submit(7, ADA, "Network").await;
    hub.analyze_at(7, ADA, Embedding::quantised("minilm-l6", &point(0, &mut StdRng::seed_from_u64(8)))).await;
    hub.settled().await;
    let found = hub.data("/api/tickets/13/similar?limit=6").await;
    assert_eq!((&found["byIndex"], numbers(&found)), (&json!(true), vec![1, 3, 5, 7, 9, 11]));
    let grace = hub.keys.requester_id(GRACE);
    sqlx::query("delete from personal.requester_keys where requester_id = $1")
        .bind(grace.as_str())
        .execute(hub.pool())
        .await
        .unwrap();
    erase(&mut hub.pool().acquire().await.unwrap(), &grace).await.unwrap();
    let found = hub.data("/api/tickets/13/similar?limit=3").await;
    assert_eq!((&found["byIndex"], numbers(&found)), (&json!(true), vec![1, 5, 9]), "Ada's only");
    hub.forget_keys().await;
    assert!(drift::check(&hub.rebuild()).await.unwrap().unwrap().is_equal());
}

#[tokio::test]
#[ignore = "needs a Postgres with pgvector: make test-pgvector"]
async fn an_index_that_was_left_unfinished_is_not_used_and_made_anew() {
    let hub = alike().await;
    assert_eq!(hub.ensure_index().await, VectorIndex::Ready);
    let by_index = async || hub.data("/api/tickets/11/similar?limit=5").await["byIndex"].take();
    assert_eq!(by_index().await, true);
    sqlx::raw_sql(
        "update pg_index set indisvalid = false where indexrelid = 'projector.embeddings_nearest'::regclass",
    )
    .execute(hub.pool())
    .await
    .unwrap();
    assert_eq!(by_index().await, false);
    assert_eq!(hub.ensure_index().await, VectorIndex::Ready);
    assert_eq!(hub.ensure_index().await, VectorIndex::Ready, "again is harmless");
    assert_eq!(by_index().await, true);
}

#[tokio::test]
async fn a_vector_of_another_length_is_compared_one_by_one() {
    let hub = Hub::start().await;
    for n in 1..=2 {
        hub.submit(n, ADA, "Network").await;
        hub.analyze(n, ADA, LABELS).await;
    }
    hub.settled().await;
    match hub.ensure_index().await {
        VectorIndex::Ready => {}
        VectorIndex::Unavailable(why) => assert!(why.contains("pgvector"), "{why}"),
    }
    let found = hub.data("/api/tickets/3/similar?limit=1").await;
    assert_eq!((&found["byIndex"], numbers(&found)), (&json!(false), vec![1]));
}
