//! One ticket over HTTP, beside the least that a handler with a database can do: `SELECT 1`.

use axum::{Router, routing::get};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{
    bed::Bed,
    hub::Site,
    options::Options,
    table::{Bounds, Table, median},
    tickets::{Requesters, Tickets, ask_until},
};

/// Connections to the database of the handler that is compared with: as many as the projector's questions have.
const POOL: u32 = 12;
/// Clients.
const CONNECTIONS: usize = 64;

/// Measures, and adds the figures to the table.
pub async fn run(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let site = Site::make(bed, "reads").await?;
    let (command_api, projector) = (site.start("command-api").await?, site.start("projector").await?);
    let tickets = Tickets::default();
    tickets.submit(command_api.port, 8, options.point(), Requesters::Of(1000)).await?;
    projector.reaches("projectedPosition", tickets.appended()).await?;
    let (least, stop) =
        serve_least(PgPoolOptions::new().max_connections(POOL).connect(&site.url).await?).await?;
    let (mut ratios, mut reads, mut leasts) = (vec![], vec![], vec![]);
    for round in 0..=options.rounds() {
        let read = tickets.read(projector.port, CONNECTIONS, options.point()).await?;
        let selected = ask_until(least, CONNECTIONS, options.point(), || "/".to_owned()).await?;
        eprintln!("  a ticket {read}; SELECT 1 {selected}");
        // The first round makes connections and plans.
        if round > 0 {
            ratios.push(read.rate / selected.rate);
            reads.push(read);
            leasts.push(selected);
        }
    }
    let ratio = median(&ratios);
    let middle = ratios.iter().position(|other| other.total_cmp(&ratio).is_eq()).unwrap_or_default();
    table.ratio(
        format!("a ticket over HTTP, {CONNECTIONS} connections"),
        reads[middle].to_string(),
        format!("a handler that runs SELECT 1 {}", leasts[middle]),
        ratio,
        Some(Bounds::at_least(0.8, 0.6)),
    );
    stop.abort();
    projector.stop().await?;
    command_api.stop().await?;
    Ok(site.nats.stop().await?)
}

/// Serves `SELECT 1` in this process; returns the port, and what ends it.
async fn serve_least(pool: PgPool) -> anyhow::Result<(u16, JoinHandle<()>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let select = move || {
        let pool = pool.clone();
        async move {
            match sqlx::query_scalar::<_, i32>("SELECT 1").fetch_one(&pool).await {
                Ok(one) => Ok(one.to_string()),
                Err(_) => Err(axum::http::StatusCode::SERVICE_UNAVAILABLE),
            }
        }
    };
    let serving = tokio::spawn(async move {
        // It ends with the benchmark.
        let _ = axum::serve(listener, Router::new().route("/", get(select))).await;
    });
    Ok((port, serving))
}
