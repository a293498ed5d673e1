//! How long a ticket takes from its submission to the read model, on an idle system.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::{
    bed::Bed,
    http::Connection,
    hub::Site,
    load::Measured,
    options::Options,
    table::Table,
    tickets::{Requesters, id_in, write_submission},
};

/// Between two tickets, so that each finds the system idle.
const PAUSE: Duration = Duration::from_millis(20);
/// Between two looks at the read model.
const LOOK: Duration = Duration::from_micros(500);
const GIVE_UP: Duration = Duration::from_secs(15);

/// Measures, and adds the figures to the table.
pub async fn run(options: &Options, bed: &Bed, table: &mut Table) -> anyhow::Result<()> {
    let site = Site::make(bed, "visible").await?;
    let (command_api, projector) = (site.start("command-api").await?, site.start("projector").await?);
    let mut submit = Connection::open(command_api.port).await?;
    let mut read = Connection::open(projector.port).await?;
    let tickets = if options.quick { 50 } else { 300 };
    let (mut latencies, mut request, began) = (vec![], vec![], Instant::now());
    // The first ones make connections and plans.
    for number in 0..tickets + 10 {
        write_submission(&mut request, Requesters::New)?;
        let sent = Instant::now();
        let answer = submit.ask(&request).await?;
        let id =
            id_in(answer.body).with_context(|| format!("submitting was answered with {}", answer.status))?;
        wait_until_visible(&mut read, &id).await?;
        if number >= 10 {
            latencies.push(sent.elapsed().as_micros() as u32);
        }
        tokio::time::sleep(PAUSE).await;
    }
    let measured = Measured::of(latencies, began.elapsed());
    let figure =
        format!("p50 {:.1} ms, p99 {:.1} ms (goal 10 / 25, floor 20 / 60)", measured.p50_ms, measured.p99_ms);
    eprintln!("  visible in the read model: {figure}");
    table.figure("submit to visible in the read model, idle", figure);
    projector.stop().await?;
    command_api.stop().await?;
    Ok(site.nats.stop().await?)
}

async fn wait_until_visible(connection: &mut Connection, id: &str) -> anyhow::Result<()> {
    let request = format!("GET /api/tickets/{id} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let began = Instant::now();
    loop {
        let answer = connection.ask(request.as_bytes()).await?;
        match answer.status {
            200 => return Ok(()),
            404 => ensure!(began.elapsed() < GIVE_UP, "ticket {id} does not become visible"),
            other => anyhow::bail!("reading a ticket was answered with {other}"),
        }
        tokio::time::sleep(LOOK).await;
    }
}
