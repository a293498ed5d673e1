//! The same submissions with a short and with a long log, in turn.

use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::{
    bed::Bed,
    hub::{Program, Site},
    options::Options,
    table::{Bounds, Table, median},
    tickets::{Requesters, Tickets},
};

const SHORT: u64 = 10_000;
const CONNECTIONS: usize = 64;
const BOUNDS: Bounds = Bounds::at_least(0.9, 0.8);
/// Rows of one statement.
const CHUNK: u64 = 50_000;
/// Copies of the log's first event, each a ticket of its own. Positions go on without a gap, and ids ascend, as in a log
/// that has grown.
const FILL: &str =
    "insert into log.events (position, stream_id, version, event_id, type, data, metadata, recorded_at)
    select n, 'tkt_01' || lpad(upper(to_hex(n)), 24, '0'), 1, gen_random_uuid(), type, data, metadata, recorded_at
    from generate_series($1::bigint, $2::bigint) n, log.events where position = 1";

/// Measures, and adds the ratio to the table.
pub async fn run(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let (short_site, short) = site(bed, "short_log", SHORT).await?;
    let (long_site, long) = site(bed, "long_log", options.growth_events()).await?;
    let (mut short_rates, mut long_rates, mut ratios) = (vec![], vec![], vec![]);
    for _ in 0..options.rounds().max(2) {
        let on_short = point(options, &short).await?;
        let on_long = point(options, &long).await?;
        eprintln!("  submit, short log {on_short:.0}/s, long log {on_long:.0}/s");
        short_rates.push(on_short);
        long_rates.push(on_long);
        ratios.push(on_long / on_short);
    }
    table.ratio(
        format!("submit, log of {} events", options.growth_events()),
        format!("{:.0}/s", median(&long_rates)),
        format!("log of {SHORT}: {:.0}/s", median(&short_rates)),
        median(&ratios),
        Some(BOUNDS),
    );
    for (site, program) in [(short_site, short), (long_site, long)] {
        program.stop().await?;
        site.nats.stop().await?;
    }
    Ok(())
}

async fn site(bed: &Bed, name: &str, events: u64) -> anyhow::Result<(Site, Program)> {
    let site = Site::make(bed, name).await?;
    fill(&site, events).await?;
    let command_api = site.start("command-api").await?;
    // The relay publishes the filling first.
    command_api.reaches("relayedPosition", events as i64).await?;
    Ok((site, command_api))
}

/// Brings an empty log to so many events.
pub async fn fill(site: &Site, events: u64) -> anyhow::Result<()> {
    eprintln!("filling a log with {events} events");
    let command_api = site.start("command-api").await?;
    Tickets::default().submit_one(command_api.port).await?;
    command_api.stop().await?;
    let mut connection = connect(&site.url).await?;
    let mut last = 1;
    while last < events {
        let next = events.min(last + CHUNK);
        let chunk = sqlx::query(FILL).bind(last as i64 + 1).bind(next as i64);
        chunk.execute(&mut connection).await?;
        last = next;
    }
    sqlx::query("vacuum analyze log.events").execute(&mut connection).await?;
    sqlx::query("checkpoint").execute(&mut connection).await?;
    Ok(connection.close().await?)
}

pub(crate) async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    Ok(url.parse::<PgConnectOptions>()?.connect().await?)
}

async fn point(options: &Options, program: &Program) -> anyhow::Result<f64> {
    let tickets = Tickets::default();
    let measured = tickets.submit(program.port, CONNECTIONS, options.point(), Requesters::New).await?;
    program.reaches("relayedPosition", tickets.appended()).await?;
    Ok(measured.rate)
}
