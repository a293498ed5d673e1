//! Whether the live read model still says what the log says. Now and then it is made anew beside the live one, gently, on
//! one connection and a quarter of the time, and both are compared; a difference means a bug, or a hand in the tables.
//!
//! When it was last checked is kept in the database (`last_check`), so that restarts do not put it off.

mod last_check;

use std::{convert::Infallible, future::pending, sync::Arc, time::Duration};

use chrono::SecondsFormat;
use metrics::gauge;
use serde_json::{Value, json};
use service_host::clock;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    projection::contract::{PROJECTIONS, SEARCH, every},
    rebuild::{Busy, Rebuild, Stopped, digest::Comparison, outdated},
};

/// How long to wait after a check that did not come to its end.
const AGAIN: Duration = Duration::from_hours(1);

/// What the last check found. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Drift(Arc<watch::Sender<Value>>);

impl Drift {
    /// For `/health`: null before the first check. A drift does not make the service unready: restarting or replacing the
    /// process heals nothing, and what it answers is late news, not harm.
    #[must_use]
    pub fn report(&self) -> Value {
        self.0.borrow().clone()
    }

    fn show(&self, report: Value) {
        let is_drifted =
            |name| report["drifted"].as_array().is_some_and(|names| names.contains(&json!(name)));
        for projection in every() {
            let drifted = f64::from(u8::from(is_drifted(projection.name)));
            gauge!("projection_drift", "projection" => projection.name).set(drifted);
        }
        self.0.send_replace(report);
    }
}

/// Checks whenever the last check is `every` ago, until told to stop; never where that is zero.
///
/// # Errors
/// Never: a check that fails is logged and made again.
pub async fn watch(
    rebuild: Rebuild,
    every: Duration,
    drift: Drift,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut pause = Duration::ZERO;
    while !every.is_zero() && stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
        let left = check_when_due(&rebuild, every, &drift).await.unwrap_or_else(|error| {
            say_why_not(&error);
            None
        });
        pause = left.unwrap_or_else(|| AGAIN.min(every));
    }
    stop.cancelled().await;
    Ok(())
}

/// Shows what the last check found, and checks if that is long ago. Returns the time to the next one; none when this one
/// did not come to its end.
async fn check_when_due(
    rebuild: &Rebuild,
    period: Duration,
    drift: &Drift,
) -> anyhow::Result<Option<Duration>> {
    let pool = rebuild.pool();
    if let Some(last) = last_check::load(pool).await? {
        drift.show(last.report);
        let left = period.saturating_sub(last.age);
        if !left.is_zero() {
            return Ok(Some(left));
        }
    }
    // Tables of an older version differ, and are about to be made anew.
    if !outdated(pool, &every().collect::<Vec<_>>()).await?.is_empty() {
        return Ok(None);
    }
    let Some(comparison) = check(rebuild).await? else { return Ok(None) };
    log(&comparison);
    let report = report(&comparison);
    last_check::save(pool, &report).await?;
    drift.show(report);
    Ok(Some(period))
}

fn say_why_not(error: &anyhow::Error) {
    if error.is::<Busy>() {
        tracing::info!(cause = format!("{error:#}"), "the read model is checked later");
    } else {
        tracing::warn!(cause = format!("{error:#}"), "cannot check the read model");
    }
}

fn log(comparison: &Comparison) {
    if comparison.is_equal() {
        tracing::info!(position = %comparison.position, "the read model equals the log");
    } else {
        let tickets = comparison.tickets.join(", ");
        tracing::error!(position = %comparison.position, tickets, "the read model differs from the log; rebuild it");
    }
}

fn report(comparison: &Comparison) -> Value {
    let drifted = comparison.projections.iter().filter(|compared| compared.live != compared.anew);
    json!({
        "checkedAt": clock::now().to_rfc3339_opts(SecondsFormat::Millis, true),
        "position": comparison.position,
        "equal": comparison.is_equal(),
        "drifted": drifted.map(|compared| compared.projection.name).collect::<Vec<_>>(),
        "tickets": comparison.tickets,
    })
}

/// Makes every projection anew and compares it with the live one; nothing when told to stop meanwhile, or when somebody
/// else wants the turn.
///
/// # Errors
/// When the database fails, an event cannot be applied, or another rebuild is running.
pub async fn check(rebuild: &Rebuild) -> anyhow::Result<Option<Comparison>> {
    let _turn = rebuild.turn().await?;
    let stop = rebuild.stop().child_token();
    let gentle = rebuild.until(stop.clone());
    let give_way = async {
        rebuild.turn_is_wanted().await;
        stop.cancel();
        pending::<Infallible>().await
    };
    let checked = tokio::select! {
        checked = check_stages(&gentle) => checked,
        never = give_way => match never {},
    };
    match checked {
        Err(error) if error.is::<Stopped>() => Ok(None),
        checked => checked.map(Some),
    }
}

async fn check_stages(rebuild: &Rebuild) -> anyhow::Result<Comparison> {
    let mut found = rebuild.check(&PROJECTIONS, &|_| {}).await?;
    found.projections.extend(rebuild.check(&[&SEARCH], &|_| {}).await?.projections);
    Ok(found)
}
