//! The one lane to the CRM. There is one sender, because nobody documents what two simultaneous inserts of one unique
//! value do, and because six senders would buy nothing where 200 tickets fit into a call.
//!
//! A step of the lane is [`Lane::tick`]: one look-up, or one delivery, or nothing to do until some time. The time is an
//! argument; the lane never sleeps and never reads a clock.

mod deliver;
mod look_up;
mod run;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{EventStore, PersonalKeys};
use schemas::Position;
use tokio::sync::watch;

use crate::{
    brake::Brake,
    outcome::{self, Outcome},
    queue::{self, LookUp, Owed},
    status::Status,
    zoho::{Client, client::Permit, request::MAX_RECORDS, token::NoToken},
};

pub use run::{LANE, run};

/// How often a lane that cannot go on without a person looks whether one came.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// How long things take, at most or at least.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "CRM delivery")]
pub struct Pace {
    /// Milliseconds a ticket may wait for others to share its batch.
    #[arg(long = "crm-linger", env = "CRM_LINGER", value_parser = milliseconds, default_value = "1000")]
    pub linger: Duration,
    /// Milliseconds after which a request is given up.
    #[arg(long = "crm-request-timeout", env = "CRM_REQUEST_TIMEOUT", value_parser = milliseconds, default_value = "30000")]
    pub request_timeout: Duration,
    /// Milliseconds that a request may still run at the other end after we gave it up.
    #[arg(long = "crm-grace", env = "CRM_GRACE", value_parser = milliseconds, default_value = "60000")]
    pub grace: Duration,
}

fn milliseconds(text: &str) -> Result<Duration, std::num::ParseIntError> {
    text.parse().map(Duration::from_millis)
}

/// The sender, and what it knows between two steps. Everything that must outlive the process is in the database.
#[derive(Debug)]
pub struct Lane {
    store: EventStore,
    keys: PersonalKeys,
    client: Arc<Client>,
    pace: Pace,
    brake: Brake,
    status: Status,
    appended: watch::Sender<Position>,
}

/// What a step came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Something was done; there may be more.
    Worked,
    /// Nothing to do before this time, unless new tickets come in; `None` when nothing is owed.
    Idle(Option<DateTime<Utc>>),
}

impl Lane {
    /// A lane that has not started.
    #[must_use]
    pub fn new(
        store: EventStore,
        keys: PersonalKeys,
        client: Arc<Client>,
        pace: Pace,
        status: Status,
    ) -> Self {
        Self {
            store,
            keys,
            client,
            pace,
            brake: Brake::default(),
            status,
            appended: watch::Sender::default(),
        }
    }

    /// The newest position this lane appended; changes wake whoever publishes the log.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<Position> {
        self.appended.subscribe()
    }

    /// To be called once a process leads the lane, before its first step: what an earlier leader was sending is now
    /// ambiguous.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        let tickets = queue::recover(self.store.pool()).await?;
        if tickets > 0 {
            tracing::warn!(
                tickets,
                "an earlier sender left requests behind; their tickets will be looked up"
            );
        }
        Ok(())
    }

    /// One step.
    ///
    /// # Errors
    /// When the database fails, or somebody else moves this lane's rows: [`Self::recover`] before the next step.
    pub async fn tick(&mut self, now: DateTime<Utc>) -> anyhow::Result<Tick> {
        let ticked = self.step(now).await;
        self.status.lane(self.brake.resting(now));
        ticked
    }

    async fn step(&mut self, now: DateTime<Utc>) -> anyhow::Result<Tick> {
        if let Some(rest) = self.brake.resting(now) {
            return Ok(Tick::Idle(Some(rest.until)));
        }
        let Some(work) = self.next_work(now).await? else {
            return Ok(Tick::Idle(queue::next_due(self.store.pool(), self.pace.linger).await?));
        };
        let permit = match self.client.permit(now).await {
            Ok(permit) => permit,
            Err(NoToken::NotBefore(time)) => return Ok(Tick::Idle(Some(time))),
            Err(NoToken::Stopped(_)) => return Ok(Tick::Idle(Some(now + ASK_AGAIN))),
        };
        self.work(work, permit, now).await?;
        Ok(Tick::Worked)
    }

    async fn work(&mut self, work: Work, permit: Permit, now: DateTime<Utc>) -> anyhow::Result<()> {
        match work {
            Work::LookUp(LookUp::Batch(batch, owed)) => self.look_up_batch(permit, &batch, owed, now).await,
            Work::LookUp(LookUp::Tickets(owed)) => self.look_up_duplicates(permit, owed, now).await,
            Work::Deliver(owed) => self.deliver(permit, owed, now).await,
        }
    }

    /// Look-ups first: what they find need not be sent again. Then tickets, once a batch is full or the first has waited
    /// long enough.
    async fn next_work(&self, now: DateTime<Utc>) -> anyhow::Result<Option<Work>> {
        if let Some(look_up) = queue::look_up(self.store.pool(), now).await? {
            return Ok(Some(Work::LookUp(look_up)));
        }
        let owed = queue::pending(self.store.pool(), now).await?;
        let waited = owed.first().is_some_and(|first| first.due_at + self.pace.linger <= now);
        Ok((waited || owed.len() == MAX_RECORDS).then_some(Work::Deliver(owed)))
    }

    async fn record(&self, outcomes: Vec<Outcome>) -> anyhow::Result<()> {
        if let Some(position) = outcome::record(&self.store, outcomes).await? {
            self.appended.send_replace(position);
        }
        Ok(())
    }
}

/// What a step can be about.
enum Work {
    LookUp(LookUp),
    Deliver(Vec<Owed>),
}
