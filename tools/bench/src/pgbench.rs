//! The measure of all appends: pgbench with one INSERT of the same bytes, one row a transaction, into a table with the
//! keys any event log has; and COPY into the same table.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, ensure};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};
use tokio::process::Command;

use crate::{bed::Bed, load::Measured};

const DATABASE: &str = "baseline";
const TABLE: &str = "create table if not exists events (
    position bigint generated always as identity primary key, stream_id text not null, version integer not null,
    event_id uuid not null, type text not null, data text not null, metadata text not null,
    recorded_at timestamptz not null default now(), unique (stream_id, version))";
/// 606 bytes of data and 188 of metadata, as a submission has.
const INSERT: &str = "insert into events (stream_id, version, event_id, type, data, metadata) values (
    gen_random_uuid()::text, 1, gen_random_uuid(), 'hub.ticket.submitted.v1', repeat('d', 606), repeat('m', 188));";

/// What pgbench may spend on connecting; it counts this as part of its time, but not of its rate.
const CONNECTING: Duration = Duration::from_secs(1);

/// The table and the program.
pub struct Pgbench {
    url: String,
    program: std::path::PathBuf,
    dir: std::path::PathBuf,
}

impl Pgbench {
    /// Makes the table.
    pub async fn prepare(bed: &Bed) -> anyhow::Result<Self> {
        bed.postgres.create_database(DATABASE).await?;
        let url = bed.postgres.url(DATABASE);
        let mut connection = connect(&url).await?;
        sqlx::query(TABLE).execute(&mut connection).await?;
        connection.close().await?;
        let dir = bed.dir.path().join("pgbench");
        tokio::fs::create_dir_all(&dir).await?;
        tokio::fs::write(dir.join("insert.sql"), INSERT).await?;
        Ok(Self {
            url,
            program: find().context("pgbench was not found: apt-get install postgresql-contrib")?,
            dir,
        })
    }

    /// INSERTs for as long as `point` lasts.
    pub async fn insert(&self, clients: usize, point: Duration) -> anyhow::Result<Measured> {
        let threads = clients.min(std::thread::available_parallelism()?.get());
        let output = Command::new(&self.program)
            .args(["--no-vacuum", "--protocol=prepared", "--log", "--log-prefix=point"])
            .arg(format!("--client={clients}"))
            .arg(format!("--jobs={threads}"))
            .arg(format!("--time={}", (point + CONNECTING).as_secs()))
            .arg("--file=insert.sql")
            .arg(&self.url)
            .current_dir(&self.dir)
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure!(output.status.success(), "pgbench: {}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let rate = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok())
            .context("pgbench printed no rate")?;
        Ok(Measured { rate, ..Measured::of(self.take_latencies().await?, point) })
    }

    /// COPY of `rows` rows in one stream; rows a second.
    pub async fn copy(&self, rows: u64) -> anyhow::Result<f64> {
        let mut connection = connect(&self.url).await?;
        let mut copy = connection
            .copy_in_raw("copy events (stream_id, version, event_id, type, data, metadata) from stdin")
            .await?;
        let began = std::time::Instant::now();
        let (data, metadata) = ("d".repeat(606), "m".repeat(188));
        let mut chunk = String::new();
        for row in 0..rows {
            let id = uuid::Uuid::now_v7();
            chunk.push_str(&format!("{id}\t1\t{id}\thub.ticket.submitted.v1\t{data}\t{metadata}\n"));
            if row % 256 == 255 {
                copy.send(std::mem::take(&mut chunk).into_bytes()).await?;
            }
        }
        copy.send(chunk.into_bytes()).await?;
        copy.finish().await?;
        let rate = rows as f64 / began.elapsed().as_secs_f64();
        connection.close().await?;
        Ok(rate)
    }

    /// The third column of pgbench's log is a transaction's latency in microseconds.
    async fn take_latencies(&self) -> anyhow::Result<Vec<u32>> {
        let mut latencies = vec![];
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if is_log(&path) {
                let log = tokio::fs::read_to_string(&path).await?;
                latencies.extend(log.lines().filter_map(|line| line.split(' ').nth(2)?.parse::<u32>().ok()));
                tokio::fs::remove_file(&path).await?;
            }
        }
        Ok(latencies)
    }
}

fn is_log(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("point"))
}

async fn connect(url: &str) -> anyhow::Result<PgConnection> {
    Ok(url.parse::<PgConnectOptions>()?.connect().await?)
}

/// Debian keeps the programs of each version in a directory of its own; the newest wins.
fn find() -> Option<std::path::PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<_> = versions
        .map(|version| version.path().join("bin/pgbench"))
        .chain(std::env::split_paths(&path).map(|dir| dir.join("pgbench")))
        .filter(|program| program.is_file())
        .collect();
    found.sort();
    found.pop()
}
