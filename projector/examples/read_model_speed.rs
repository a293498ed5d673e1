//! How fast the read model catches up with a log, and how fast it is made anew, beside what Postgres alone needs to fill
//! the same tables from the same log with plain SQL. All on one private server, in one run.
//!
//! ```text
//! cargo run --release -p projector --example read_model_speed -- 200000
//! ```

#![expect(clippy::print_stdout, reason = "it prints its results")]

use std::{
    collections::HashMap,
    fmt::Write as _,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use event_store::{EventStore, PersonalKeys, cipher::SecretKey, database};
use local_stack::testing::TestDatabase;
use projector::{
    projection::{STAGE, Tickets, contract::PROJECTIONS},
    rebuild::{Pace, Rebuild, place::Place},
};
use schemas::{
    EventId, Position, TicketEvent, TicketId,
    analysis::{
        AnalysisOf, Choice, Emotion, Emotions, Entity, ModelRef, Mood, Priority, Route, Scored, Sentiment,
    },
    embedding::Embedding,
    event::{CrmOutcome, CrmRecordCreated, Requester, TicketAssigned, TicketSubmitted},
};
use serde_json::json;
use sqlx::PgPool;
use subscription::{Progress, Stage};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// As in the programs.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Of each ticket: submitted, analyzed, delivered, assigned.
const EVENTS_OF_A_TICKET: u128 = 4;
/// Tickets of one requester.
const TICKETS_OF_A_REQUESTER: u128 = 8;
/// Tickets written to the log at a time.
const PORTION: u128 = 2_000;
/// Tickets whose events are mixed with each other.
const AT_A_TIME: usize = 50;

const DESCRIPTION: &str = "Since this morning nobody in the second floor reaches srv-fs01: the explorer hangs for a \
    minute and then says 0x80070035. We restarted two of the machines and the switch, without any change. The \
    month-end reports are due at noon, so please treat this as urgent and call me back on my mobile.";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let events: u128 =
        std::env::args().nth(1).unwrap_or("200000".to_owned()).parse().context("how many events?")?;
    let database = TestDatabase::create().await?;
    let pool = database::pool(database.url(), "speed", 8)?;
    database::MIGRATOR.run(&pool).await?;
    let keys = PersonalKeys::open(pool.clone(), SecretKey::from_bytes([9; 32])).await?;
    println!("filling a log with {events} events");
    fill(&pool, &keys, events / EVENTS_OF_A_TICKET).await?;
    let store = EventStore::open(pool.clone()).await?;
    let head = store.head().await?.0 as f64;

    let narrow = head / sql(&pool, NARROW).await?.as_secs_f64();
    let same = head / sql(&pool, SAME_TABLES).await?.as_secs_f64();
    let bulk = head / (sql(&pool, FRESH_TABLES).await? + sql(&pool, FRESH_INDEXES).await?).as_secs_f64();
    // Other caches than those the log was filled with.
    let keys = PersonalKeys::open(pool.clone(), SecretKey::from_bytes([9; 32])).await?;
    let caught_up = head / catch_up(&store, &keys).await?.as_secs_f64();
    let keys = PersonalKeys::open(pool.clone(), SecretKey::from_bytes([9; 32])).await?;
    let rebuild = Rebuild::new(pool, keys, Pace::FAST, CancellationToken::new());
    let started = Instant::now();
    rebuild.build(Place::Next, &PROJECTIONS, &|_| {}).await?;
    let built = started.elapsed();
    let anew = head / built.as_secs_f64();
    let comparison = rebuild.compare(Place::Next, &|_| {}).await?;
    anyhow::ensure!(comparison.is_equal(), "the two are not equal: {comparison:?}");

    println!(
        "\n| figure | events/s | pure SQL, events/s | ratio | goal | floor |\n| --- | --- | --- | --- | --- | --- |"
    );
    let row = |figure: &str, ours: f64, pure: f64, goal: f64, floor: f64| {
        println!("| {figure} | {ours:.0} | {pure:.0} | {:.2} | {goal} | {floor} |", ours / pure);
    };
    row("catch-up, against the same tables and indexes", caught_up, same, 0.3, 0.18);
    row("catch-up, against one narrow table", caught_up, narrow, 0.3, 0.18);
    row("rebuild, against the same tables, indexes afterwards", anew, bulk, 0.5, 0.28);
    println!("\nA million events would be made anew in {:.1} s; both read models are equal.", 1e6 / anew);
    Ok(())
}

/// How long one transaction of plain SQL takes.
async fn sql(pool: &PgPool, statements: &'static str) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut connection = pool.acquire().await?;
    sqlx::raw_sql(statements).execute(&mut *connection).await?;
    Ok(started.elapsed())
}

/// As in the first measurements: one row a ticket, two indexes, a few members.
const NARROW: &str = "
    set statement_timeout = 0;
    create table public.narrow (id text primary key, number bigint not null unique, requester_id text, request_type text,
                                status text, created_at timestamptz, version integer);
    insert into public.narrow
    select stream_id, min(position), min(data::json->'requester'->>'id'), min(data::json->>'requestType'), 'open',
           min(recorded_at), max(version)
    from log.events group by stream_id";

/// The same rows in the same tables with the same indexes, but with ciphertext where the read model holds clear text.
const SAME_TABLES: &str = "
    set statement_timeout = 0;
    create schema pure;
    create table pure.tickets (like projector.tickets including all);
    create table pure.timeline (like projector.timeline including all);
    insert into pure.timeline (ticket_id, version, position, event_id, type, recorded_at, actor, details)
    select stream_id, version, position, event_id, type, recorded_at, metadata::json->>'actor', data::jsonb from log.events
    order by position;
    insert into pure.tickets (id, number, requester_id, name, email, description, summary, request_type, status, category,
        priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_status, created_at, updated_at,
        position, version)
    select stream_id, min(position), min(s->'requester'->>'id'), min(s->'requester'->>'name'),
           min(s->'requester'->>'email'), min(s->>'description'), min(a->>'summary'), min(s->>'requestType'), 'open',
           min(a->'category'->>'label'), min(a->'priority'->>'label'), min(a->'sentiment'->>'label'),
           min(a->'kind'->>'label'), min(a->'route'->>'label'), min((a->>'urgency')::smallint), min(a::text)::jsonb,
           false, false, 'delivered', min(recorded_at), max(recorded_at), max(position), max(version)
    from (select *, case type when 'hub.ticket.submitted.v1' then data::json end as s,
                 case type when 'hub.ticket.analyzed.v1' then data::json end as a from log.events) event
    group by stream_id";

const FRESH_TABLES: &str = "
    set statement_timeout = 0;
    drop schema pure cascade;
    create schema pure;
    create table pure.tickets (like projector.tickets including generated);
    create table pure.timeline (like projector.timeline including defaults);
    insert into pure.timeline (ticket_id, version, position, event_id, type, recorded_at, actor, details)
    select stream_id, version, position, event_id, type, recorded_at, metadata::json->>'actor', data::jsonb from log.events;
    insert into pure.tickets (id, number, requester_id, name, email, description, summary, request_type, status, category,
        priority, sentiment, kind, route, urgency, analysis, needs_review, degraded, crm_status, created_at, updated_at,
        position, version, resolutions, reopenings)
    select stream_id, min(position), min(s->'requester'->>'id'), min(s->'requester'->>'name'),
           min(s->'requester'->>'email'), min(s->>'description'), min(a->>'summary'), min(s->>'requestType'), 'open',
           min(a->'category'->>'label'), min(a->'priority'->>'label'), min(a->'sentiment'->>'label'),
           min(a->'kind'->>'label'), min(a->'route'->>'label'), min((a->>'urgency')::smallint), min(a::text)::jsonb,
           false, false, 'delivered', min(recorded_at), max(recorded_at), max(position), max(version), 0, 0
    from (select *, case type when 'hub.ticket.submitted.v1' then data::json end as s,
                 case type when 'hub.ticket.analyzed.v1' then data::json end as a from log.events) event
    group by stream_id";

const FRESH_INDEXES: &str = "
    do $$ declare found text; begin
        set local maintenance_work_mem = '256MB';
        for found in select pg_get_indexdef(indexrelid) from pg_index
                     where indrelid in ('projector.tickets'::regclass, 'projector.timeline'::regclass) loop
            execute replace(found, ' ON projector.', ' ON pure.');
        end loop;
    end $$";

/// The stage, without a bus, from the start of the log until it has everything.
async fn catch_up(store: &EventStore, keys: &PersonalKeys) -> anyhow::Result<Duration> {
    let stage = Stage { name: STAGE, store: store.clone(), nats_url: "nats://127.0.0.1:1".to_owned() };
    let (progress, stop) = (Progress::new(STAGE), CancellationToken::new());
    let (head, started) = (store.head().await?, Instant::now());
    let running =
        subscription::projection::run(stage, Tickets::new(keys.clone()), progress.clone(), stop.clone());
    let running = tokio::spawn(running);
    progress.reached(head).await;
    let took = started.elapsed();
    stop.cancel();
    running.await??;
    Ok(took)
}

/// Writes the log with COPY: the events of all tickets in turn, as they come in a busy hub.
async fn fill(pool: &PgPool, keys: &PersonalKeys, tickets: u128) -> anyhow::Result<()> {
    let mut cache = HashMap::new();
    let mut position = Position::START;
    for first in (0..tickets).step_by(PORTION as usize) {
        let mut rows = String::new();
        let mut streams = vec![];
        for n in first..tickets.min(first + PORTION) {
            streams.push(facts(keys, &mut cache, n).await?);
        }
        let numbered: Vec<_> = (first..).zip(&streams).collect();
        for together in numbered.chunks(AT_A_TIME) {
            for version in 0..EVENTS_OF_A_TICKET as usize {
                for (n, facts) in together {
                    position = position.next();
                    row(&mut rows, position, *n, version, facts)?;
                }
            }
        }
        let mut connection = pool.acquire().await?;
        let mut copy = connection
            .copy_in_raw("copy log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at) from stdin")
            .await?;
        copy.send(rows.into_bytes()).await?;
        copy.finish().await?;
    }
    sqlx::raw_sql("analyze log.events; checkpoint").execute(pool).await?;
    Ok(())
}

/// One event of ticket `n`, as COPY reads it.
fn row(
    rows: &mut String,
    position: Position,
    n: u128,
    version: usize,
    facts: &[(EventId, TicketEvent)],
) -> anyhow::Result<()> {
    let (id, fact) = &facts[version];
    let metadata = json!({ "correlationid": facts[0].0, "actor": "system:speed" });
    let data = fact.to_data()?.get().replace('\\', "\\\\");
    writeln!(
        rows,
        "{position}\t{}\t{}\t{id}\t{}\t{data}\t{metadata}\t{}",
        TicketId::new(ulid(n)),
        version + 1,
        fact.type_name(),
        time(position),
    )?;
    Ok(())
}

fn ulid(n: u128) -> ulid::Ulid {
    ulid::Ulid::from((1_700_000_000_000 + n) << 80 | n)
}

/// A thousand events a minute.
fn time(position: Position) -> String {
    let start = chrono::DateTime::from_timestamp(1_700_000_000, 0).unwrap_or_default();
    (start + chrono::TimeDelta::milliseconds(position.0 * 60)).to_rfc3339()
}

async fn facts(
    keys: &PersonalKeys,
    cache: &mut HashMap<u128, SecretKey>,
    n: u128,
) -> anyhow::Result<Vec<(EventId, TicketEvent)>> {
    let email = format!("requester-{}@example.com", n / TICKETS_OF_A_REQUESTER);
    let requester = keys.requester_id(&email);
    let key = match cache.get(&(n / TICKETS_OF_A_REQUESTER)) {
        Some(key) => key.clone(),
        None => cache.entry(n / TICKETS_OF_A_REQUESTER).or_insert(keys.key_for(&requester).await?).clone(),
    };
    let ids: Vec<_> = (0..EVENTS_OF_A_TICKET).map(|_| EventId::new(Uuid::now_v7())).collect();
    let submitted = TicketSubmitted {
        requester: Requester {
            name: key.seal(&requester, ids[0], "name", &"Ada Lovelace".to_owned())?,
            email: key.seal(&requester, ids[0], "email", &email)?,
            id: requester.clone(),
        },
        request_type: "Network".to_owned(),
        description: key.seal(&requester, ids[0], "description", &DESCRIPTION.to_owned())?,
        attachments: vec![],
    };
    let host = |text: &str, label: &str| Entity {
        text: text.to_owned(),
        label: label.to_owned(),
        start: 50,
        end: 58,
        confidence: 0.97,
    };
    let entities = vec![host("srv-fs01", "HOST"), host("0x80070035", "ERROR_CODE")];
    let entities = key.seal(&requester, ids[1], "entities", &entities)?;
    let summary =
        key.seal(&requester, ids[1], "summary", &"Nobody in the second floor reaches srv-fs01.".to_owned())?;
    let vector: Vec<f32> = (0..384_u16).map(|i| f32::from(i).mul_add(0.1, n as f32).sin()).collect();
    let embedding = key.seal(&requester, ids[1], "embedding", &Embedding::quantised("minilm-l6", &vector))?;
    let analyzed = AnalysisOf { embedding: Some(embedding), ..answer(n).with_personal(entities, summary) };
    let delivered = CrmRecordCreated {
        system: "zoho".to_owned(),
        record_id: format!("35207100000{n:07}"),
        how: CrmOutcome::Posted,
        attempts: 1,
        batch: "b_1".to_owned(),
    };
    let facts = [
        TicketEvent::Submitted(submitted),
        TicketEvent::Analyzed(Box::new(analyzed)),
        TicketEvent::CrmRecordCreated(delivered),
        TicketEvent::Assigned(TicketAssigned { assignee: format!("agent-{}", n % 20) }),
    ];
    Ok(ids.into_iter().zip(facts).collect())
}

fn answer(n: u128) -> AnalysisOf<(), ()> {
    let others = ["Cloud", "Security", "Hardware", "General"];
    let scored = |labels: &[&str]| {
        labels.iter().map(|label| Scored { label: (*label).to_owned(), score: 0.04 }).collect()
    };
    let choice = |label: &str| Choice {
        label: label.to_owned(),
        confidence: 0.93,
        alternatives: scored(&others),
        reasons: vec!["near to tickets about shares that cannot be reached".to_owned()],
    };
    AnalysisOf {
        category: choice(others[n as usize % 4]),
        priority: Choice {
            label: Priority::ALL[n as usize % 4],
            confidence: 0.8,
            alternatives: vec![Scored { label: Priority::Low, score: 0.1 }],
            reasons: vec!["many people, a deadline".to_owned()],
        },
        kind: choice("technical"),
        sentiment: Mood {
            label: Sentiment::ALL[n as usize % 3],
            confidence: 0.81,
            emotion: Emotion::Frustration,
            emotions: Emotions { frustration: 0.8, ..Emotions::default() },
            alternatives: Vec::new(),
            reasons: Vec::new(),
        },
        urgency: 1 + (n % 10) as u8,
        urgency_reasons: vec![],
        route: Route {
            label: "live-chat".to_owned(),
            confidence: 0.7,
            reasoning: "A person has to look at it together with the requester.".to_owned(),
            alternatives: scored(&["video-call", "co-browse", "ai-chatbot"]),
        },
        own: std::collections::BTreeMap::new(),
        entities: (),
        summary: (),
        language: "en".to_owned(),
        needs_review: n.is_multiple_of(20),
        degraded: false,
        model: ModelRef { name: "minilm-l6".to_owned(), revision: "1".to_owned(), sha256: "0".repeat(64) },
        duration_ms: 14,
        embedding: None,
    }
}
