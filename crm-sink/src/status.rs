//! How the sink is doing, for `/health` and the metrics.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    brake::Rest,
    destination::{Destination, NoPermit},
    metric, queue,
};

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
    /// Of those, with a record that does not say everything yet.
    pub outdated: i64,
    /// Of those, with a record that cannot be brought up to date.
    pub stuck: i64,
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
    paused: bool,
    misfit: bool,
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
        let known = *self.0.borrow();
        if known.misfit {
            return Some("the form does not fit the mapping");
        }
        let breaker = known.rest?.breaker;
        breaker.needs_a_person().then(|| breaker.name())
    }

    pub(crate) fn lane(&self, rest: Option<Rest>) {
        self.0.send_if_modified(|known| std::mem::replace(&mut known.rest, rest) != rest);
    }

    pub(crate) fn misfit(&self, misfit: bool) {
        self.0.send_if_modified(|known| std::mem::replace(&mut known.misfit, misfit) != misfit);
    }

    pub(crate) fn paused(&self, paused: bool) {
        self.0.send_if_modified(|known| std::mem::replace(&mut known.paused, paused) != paused);
    }

    /// The backlog as `/health` shows it.
    #[must_use]
    pub fn backlog_json(&self) -> Value {
        let Backlog { pending, ambiguous, parked, delivered, outdated, stuck, oldest_pending_seconds } =
            self.backlog();
        json!({
            "pending": pending,
            "ambiguous": ambiguous,
            "parked": parked,
            "delivered": delivered,
            "outdated": outdated,
            "stuck": stuck,
            "oldestPendingSeconds": oldest_pending_seconds,
        })
    }

    /// The lane as `/health` shows it.
    #[must_use]
    pub fn lane_json(&self) -> Value {
        let known = *self.0.borrow();
        match known.rest {
            _ if known.paused => json!({ "state": "paused" }),
            Some(rest) => json!({ "state": "resting", "why": rest.breaker.name(), "until": rest.until }),
            None => json!({ "state": "running" }),
        }
    }

    /// Counts now and then until the process stops.
    ///
    /// # Errors
    /// Never: a count that fails is left out.
    pub async fn watch<D: Destination>(
        self,
        pool: PgPool,
        destination: Arc<D>,
        stop: CancellationToken,
    ) -> anyhow::Result<()> {
        let sink = destination.system();
        loop {
            if let Err(error) = show_quota(&pool, &*destination).await {
                tracing::warn!(%error, "cannot count the CRM calls left");
            }
            match count(&pool, sink).await {
                Ok(backlog) => self.show(sink, backlog),
                Err(error) => tracing::warn!(%error, "cannot count the CRM backlog"),
            }
            if stop.run_until_cancelled(tokio::time::sleep(COUNT_EVERY)).await.is_none() {
                return Ok(());
            }
        }
    }

    fn show(&self, sink: &'static str, backlog: Backlog) {
        metric::backlog(sink, "pending", backlog.pending);
        metric::backlog(sink, "ambiguous", backlog.ambiguous);
        metric::backlog(sink, "parked", backlog.parked);
        metric::backlog(sink, "delivered", backlog.delivered);
        metric::backlog(sink, "outdated", backlog.outdated);
        metric::backlog(sink, "stuck", backlog.stuck);
        metric::oldest(sink, backlog.oldest_pending_seconds);
        self.0.send_modify(|known| known.backlog = backlog);
        let known = *self.0.borrow();
        metric::breaker(sink, known.rest);
        metric::paused(sink, known.paused);
    }
}

/// Whether or not anything is being sent: a quota that others used up shows before the next ticket comes.
async fn show_quota<D: Destination>(pool: &PgPool, destination: &D) -> Result<(), NoPermit> {
    let now = queue::clock(pool).await?;
    if let Some(forecast) = destination.forecast(now).await? {
        metric::quota(destination.system(), forecast);
    }
    Ok(())
}

/// Counts the tickets by state.
///
/// # Errors
/// When the database fails.
pub async fn count(pool: &PgPool, sink: &str) -> sqlx::Result<Backlog> {
    let counted = sqlx::query!(
        r#"select count(*) filter (where state in ('pending', 'sending')) as "pending!",
                  count(*) filter (where state = 'ambiguous') as "ambiguous!",
                  count(*) filter (where state = 'parked') as "parked!",
                  count(*) filter (where state = 'delivered') as "delivered!",
                  count(*) filter (where state = 'delivered' and wanted > told and update_refused is null) as "outdated!",
                  count(*) filter (where state = 'delivered' and update_refused is not null) as "stuck!",
                  coalesce(extract(epoch from clock_timestamp() - min(due_at) filter (where state = 'pending')), 0)::bigint as "oldest!"
           from crm.delivery where sink = $1"#,
        sink,
    )
    .fetch_one(pool)
    .await?;
    Ok(Backlog {
        pending: counted.pending,
        ambiguous: counted.ambiguous,
        parked: counted.parked,
        delivered: counted.delivered,
        outdated: counted.outdated,
        stuck: counted.stuck,
        // Tickets that wait for a retry are not due yet.
        oldest_pending_seconds: counted.oldest.max(0),
    })
}
