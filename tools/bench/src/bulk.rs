//! Whole logs at a time: COPY, raw publishing, relaying, refilling the bus, catching up.

use std::{collections::VecDeque, future::IntoFuture as _, time::Instant};

use async_nats::jetstream::{self, message::PublishMessage, stream};

use crate::{
    bed::Bed,
    growth::{connect, fill},
    hub::Site,
    options::Options,
    pgbench::Pgbench,
    table::{Bounds, Table, median},
    tickets::{Requesters, Tickets},
};

/// Messages on their way at a time, in the raw measure.
const IN_FLIGHT: usize = 1024;
/// Of an event with its envelope.
const MESSAGE: usize = 1_250;
const RELAY: Bounds = Bounds::at_least(0.6, 0.3);
const REBUILD: Bounds = Bounds::at_least(0.5, 0.25);
const CATCH_UP: Bounds = Bounds::at_least(0.3, 0.18);
const STREAM: &str = "TICKETS";
/// What the projection does at least, in one statement.
const PURE_SQL: &str = "insert into bench_tickets
    select stream_id, position, data::json->'requester'->>'id', data::json->>'requestType', 'open', recorded_at, version
    from log.events where version = 1
    on conflict (id) do update set version = excluded.version";
const PURE_SQL_TABLE: &str = "create table bench_tickets (id text primary key, number bigint not null unique,
    requester_id text not null, request_type text, status text not null, created_at timestamptz not null,
    version integer not null)";

/// Measures, and adds the ratios to the table.
pub async fn run(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let rows = options.bulk_events();
    let copied = Pgbench::prepare(bed).await?.copy(rows).await?;
    eprintln!("  COPY {copied:.0} rows/s");
    table.figure("COPY of rows like pgbench's, one connection", format!("{copied:.0}/s"));
    publishing(options, bed, table).await?;
    catching_up(options, bed, table).await
}

async fn publishing(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let events = options.bulk_events();
    let raw = bed.nats("raw").await?;
    let site = Site::make(bed, "bulk").await?;
    fill(&site, events).await?;
    let (mut raw_rates, mut with_ids, mut relayed, mut rebuilt) = (vec![], vec![], vec![], vec![]);
    for _ in 0..options.rounds() {
        raw_rates.push(publish(&raw.url(), events, false).await?);
        with_ids.push(publish(&raw.url(), events, true).await?);
        relayed.push(relay(&site, events).await?);
        rebuilt.push(events as f64 / site.hubctl(&["bus", "rebuild", "--yes"]).await?.as_secs_f64());
        let last = |rates: &[f64]| rates.last().copied().unwrap_or_default();
        eprintln!(
            "  JetStream {:.0}/s, with message ids {:.0}/s; relay {:.0}/s; bus rebuild with proof {:.0}/s",
            last(&raw_rates),
            last(&with_ids),
            last(&relayed),
            last(&rebuilt)
        );
    }
    let base = format!("raw pipelined publish {:.0}/s", median(&raw_rates));
    let ratio = |ours: &[f64]| median(&ours.iter().zip(&raw_rates).map(|(o, r)| o / r).collect::<Vec<_>>());
    let rate = |rates: &[f64]| format!("{:.0}/s", median(rates));
    let mut row = |figure: &str, rates: &[f64], bounds| {
        table.ratio(figure.to_owned(), rate(rates), base.clone(), ratio(rates), bounds);
    };
    row("raw publish with Nats-Msg-Id", &with_ids, None);
    row("relay: log to JetStream", &relayed, Some(RELAY));
    row("`hubctl bus rebuild`, proof included", &rebuilt, Some(REBUILD));
    site.nats.stop().await?;
    Ok(raw.stop().await?)
}

/// Pipelined publishing of messages as long as ours, every acknowledgement awaited; messages a second.
async fn publish(url: &str, count: u64, with_ids: bool) -> anyhow::Result<f64> {
    let context = jetstream::new(async_nats::connect(url).await?);
    let _ = context.delete_stream("RAW").await;
    let subjects = vec!["raw.>".to_owned()];
    let config = stream::Config { name: "RAW".to_owned(), subjects, ..stream::Config::default() };
    context.create_stream(config).await?;
    let payload = bytes::Bytes::from(vec![b'x'; MESSAGE]);
    let mut under_way = VecDeque::with_capacity(IN_FLIGHT);
    let began = Instant::now();
    for number in 0..count {
        let mut message = PublishMessage::build().payload(payload.clone());
        if with_ids {
            message = message.message_id(uuid::Uuid::now_v7().to_string());
        }
        let sent = context.send_publish(format!("raw.submitted.{number:026}"), message).await?;
        under_way.push_back(sent.into_future());
        if under_way.len() >= IN_FLIGHT
            && let Some(oldest) = under_way.pop_front()
        {
            oldest.await?;
        }
    }
    for acknowledgement in under_way {
        acknowledgement.await?;
    }
    Ok(count as f64 / began.elapsed().as_secs_f64())
}

/// From the start of command-api, on a bus that has lost everything, until the bus has the log.
async fn relay(site: &Site, events: u64) -> anyhow::Result<f64> {
    let context = jetstream::new(async_nats::connect(site.nats.url()).await?);
    let _ = context.delete_stream(STREAM).await;
    let began = Instant::now();
    let command_api = site.start("command-api").await?;
    let ended = command_api.reaches("relayedPosition", events as i64).await?;
    command_api.stop().await?;
    Ok(events as f64 / (ended - began).as_secs_f64())
}

/// The projection on a log of real submissions, whose personal data it opens; from the start of the projector until
/// its read model has everything.
async fn catching_up(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let site = Site::make(bed, "catch_up").await?;
    let command_api = site.start("command-api").await?;
    let tickets = Tickets::default();
    eprintln!("submitting {} tickets to catch up with", options.bulk_events() / 2);
    while tickets.appended() < options.bulk_events() as i64 / 2 {
        tickets.submit(command_api.port, 64, options.point(), Requesters::Of(20_000)).await?;
    }
    let head = tickets.appended();
    command_api.reaches("relayedPosition", head).await?;
    command_api.stop().await?;

    let mut connection = connect(&site.url).await?;
    sqlx::query(PURE_SQL_TABLE).execute(&mut connection).await?;
    let began = Instant::now();
    sqlx::query(PURE_SQL).execute(&mut connection).await?;
    let pure = head as f64 / began.elapsed().as_secs_f64();

    let began = Instant::now();
    let projector = site.start("projector").await?;
    let ended = projector.reaches("projectedPosition", head).await?;
    let ours = head as f64 / (ended - began).as_secs_f64();
    eprintln!("  projector catches up at {ours:.0}/s, one SQL statement at {pure:.0}/s");
    projector.stop().await?;
    site.nats.stop().await?;
    table.ratio(
        "projector catch-up, personal data opened".to_owned(),
        format!("{ours:.0}/s"),
        format!("one INSERT … SELECT {pure:.0}/s"),
        ours / pure,
        Some(CATCH_UP),
    );
    Ok(())
}
