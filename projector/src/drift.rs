//! Whether the live read model still says what the log says. Now and then it is made anew beside the live one, gently, on
//! one connection and a quarter of the time, and both are compared; a difference means a bug, or a hand in the tables.

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use metrics::gauge;
use serde_json::{Value, json};
use service_host::clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    projection::contract::{Contract, PROJECTIONS, SEARCH},
    rebuild::{Ended, Rebuild, digest::Comparison, place::Place},
};

/// What the last check found. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Drift(Arc<watch::Sender<Option<Found>>>);

#[derive(Clone, Debug)]
struct Found {
    at: DateTime<Utc>,
    comparison: Comparison,
}

impl Drift {
    /// For `/health`: null before the first check. A drift does not make the service unready: restarting or replacing the
    /// process heals nothing, and what it answers is late news, not harm.
    #[must_use]
    pub fn report(&self) -> Value {
        let Some(Found { at, comparison }) = &*self.0.borrow() else { return Value::Null };
        let drifted = comparison.projections.iter().filter(|compared| compared.live != compared.anew);
        json!({
            "checkedAt": at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "position": comparison.position,
            "equal": comparison.is_equal(),
            "drifted": drifted.map(|compared| compared.projection.name).collect::<Vec<_>>(),
            "tickets": comparison.tickets,
        })
    }

    fn note(&self, comparison: Comparison) {
        for compared in &comparison.projections {
            let drifted = f64::from(u8::from(compared.live != compared.anew));
            gauge!("projection_drift", "projection" => compared.projection.name).set(drifted);
        }
        if comparison.is_equal() {
            tracing::info!(position = %comparison.position, "the read model equals the log");
        } else {
            let tickets = comparison.tickets.join(", ");
            tracing::error!(position = %comparison.position, tickets, "the read model differs from the log; rebuild it");
        }
        self.0.send_replace(Some(Found { at: clock::now(), comparison }));
    }
}

/// Checks `every` so often, until told to stop; never where that is zero.
///
/// # Errors
/// Never: a check that fails is logged and made again next time.
pub async fn watch(
    rebuild: Rebuild,
    every: Duration,
    drift: Drift,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    while !every.is_zero() && stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        match check(&rebuild).await {
            Ok(Some(comparison)) => drift.note(comparison),
            Ok(None) => {}
            Err(error) => tracing::warn!(cause = format!("{error:#}"), "cannot check the read model"),
        }
    }
    stop.cancelled().await;
    Ok(())
}

/// Makes every projection anew and compares it with the live one; nothing when told to stop meanwhile.
///
/// # Errors
/// When the database fails, an event cannot be applied, or another rebuild is running.
pub async fn check(rebuild: &Rebuild) -> anyhow::Result<Option<Comparison>> {
    let _turn = rebuild.turn().await?;
    let Some(mut found) = check_stage(rebuild, &PROJECTIONS).await? else { return Ok(None) };
    let Some(words) = check_stage(rebuild, &[&SEARCH]).await? else { return Ok(None) };
    found.projections.extend(words.projections);
    Ok(Some(found))
}

async fn check_stage(
    rebuild: &Rebuild,
    projections: &[&'static Contract],
) -> anyhow::Result<Option<Comparison>> {
    let built = rebuild.build(Place::Shadow, projections, &|_| {}).await?;
    if matches!(built, Ended::Cancelled) {
        return Ok(None);
    }
    let comparison = rebuild.compare(Place::Shadow, &|_| {}).await;
    rebuild.discard(Place::Shadow).await?;
    comparison.map(Some)
}
