//! How the sink is doing, for `/health` and the metrics.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{brake::Rest, metric, zoho::Client};

/// How often the tickets are counted.
const COUNT_EVERY: Duration = Duration::from_secs(5);

/// Tickets by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// To be sent, or being sent.
    pub pending: i64,
    /// Sent, answer unknown.
    pub ambiguous: i64,
    /// An operator decides.
    pub parked: i64,
    /// In the CRM.
    pub delivered: i64,
    /// How long the oldest pending ticket has been due.
    pub oldest_pending_seconds: i64,
}

/// What is known. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Status(Arc<watch::Sender<Known>>);

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    backlog: Backlog,
    rest: Option<Rest>,
}

impl Status {
    /// The latest count.
    #[must_use]
    pub fn backlog(&self) -> Backlog {
        self.0.borrow().backlog
    }

    /// Why the lane needs a person, if it does; fit for a public answer.
    #[must_use]
    pub fn problem(&self) -> Option<&'static str> {
        self.0.borrow().rest.filter(|rest| rest.needs_a_person).map(|rest| rest.why)
    }

    pub(crate) fn lane(&self, rest: Option<Rest>) {
        self.0.send_if_modified(|known| std::mem::replace(&mut known.rest, rest) != rest);
    }

    /// The backlog as `/health` shows it.
    #[must_use]
    pub fn backlog_json(&self) -> Value {
        let Backlog { pending, ambiguous, parked, delivered, oldest_pending_seconds } = self.backlog();
        json!({
            "pending": pending,
            "ambiguous": ambiguous,
            "parked": parked,
            "delivered": delivered,
            "oldestPendingSeconds": oldest_pending_seconds,
        })
    }

    /// The lane as `/health` shows it.
    #[must_use]
    pub fn lane_json(&self) -> Value {
        match self.0.borrow().rest {
            Some(rest) => json!({ "state": "resting", "why": rest.why, "until": rest.until }),
            None => json!({ "state": "running" }),
        }
    }

    /// Counts now and then until the process stops.
    ///
    /// # Errors
    /// Never: a count that fails is left out.
    pub async fn watch(self, pool: PgPool, stop: CancellationToken) -> anyhow::Result<()> {
        loop {
            match count(&pool).await {
                Ok(backlog) => self.show(backlog),
                Err(error) => tracing::warn!(%error, "cannot count the CRM backlog"),
            }
            if stop.run_until_cancelled(tokio::time::sleep(COUNT_EVERY)).await.is_none() {
                return Ok(());
            }
        }
    }

    fn show(&self, backlog: Backlog) {
        metric::backlog("pending", backlog.pending);
        metric::backlog("ambiguous", backlog.ambiguous);
        metric::backlog("parked", backlog.parked);
        metric::backlog("delivered", backlog.delivered);
        self.0.send_modify(|known| known.backlog = backlog);
    }
}

/// Counts the tickets by state.
///
/// # Errors
/// When the database fails.
pub async fn count(pool: &PgPool) -> sqlx::Result<Backlog> {
    let counted = sqlx::query!(
        r#"select count(*) filter (where state in ('pending', 'sending')) as "pending!",
                  count(*) filter (where state = 'ambiguous') as "ambiguous!",
                  count(*) filter (where state = 'parked') as "parked!",
                  count(*) filter (where state = 'delivered') as "delivered!",
                  coalesce(extract(epoch from clock_timestamp() - min(due_at) filter (where state = 'pending')), 0)::bigint as "oldest!"
           from crm.delivery"#
    )
    .fetch_one(pool)
    .await?;
    Ok(Backlog {
        pending: counted.pending,
        ambiguous: counted.ambiguous,
        parked: counted.parked,
        delivered: counted.delivered,
        // Tickets that wait for a retry are not due yet.
        oldest_pending_seconds: counted.oldest.max(0),
    })
}

/// The access token as `/health` shows it.
#[must_use]
pub fn token_json(client: &Client) -> Value {
    match (client.tokens().problem(), client.tokens().use_until()) {
        (Some(problem), _) => json!({ "state": "stopped", "problem": problem }),
        (None, Some(until)) => json!({ "state": "held", "useUntil": until }),
        (None, None) => json!({ "state": "none" }),
    }
}
