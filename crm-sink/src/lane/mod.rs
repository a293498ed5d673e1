//! The one lane to a system. There is one sender, because nobody documents what two simultaneous inserts of one unique
//! value do, and because six senders would buy nothing where 200 tickets fit into a call.
//!
//! A step of the lane is [`Lane::tick`]: one look-up, or one delivery, or one update, or a page of a reconciliation, or
//! nothing to do until some time. The time is an argument; the lane never sleeps and never reads a clock.

mod deliver;
mod look_up;
mod reconcile;
mod run;
mod update;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};
use event_store::{EventStore, PersonalKeys};
use schemas::Position;
use tokio::sync::watch;

use crate::{
    brake::Brake,
    control::{self, Led},
    destination::{Destination, NoPermit, Purpose},
    outcome::{Outcome, Recorder},
    queue::{LookUp, Outdated, Owed, Queue},
    reconciliation::{self, Run},
    retry,
    status::Status,
};

pub use run::{lock, run};

/// How often a lane that cannot go on without a person looks whether one came.
const ASK_AGAIN: TimeDelta = TimeDelta::minutes(1);

/// How long things take, at most or at least.
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(next_help_heading = "CRM delivery")]
pub struct Pace {
    /// Milliseconds a ticket waits at least for others to share its batch.
    #[arg(long = "crm-linger", env = "CRM_LINGER", value_parser = milliseconds, default_value = "1000")]
    pub linger: Duration,
    /// Milliseconds between two requests at most, when few of the day's calls are left. Equal to the shortest wait, the
    /// calls left do not matter.
    #[arg(long = "crm-linger-max", env = "CRM_LINGER_MAX", value_parser = milliseconds, default_value = "300000")]
    pub longest_linger: Duration,
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
pub struct Lane<D> {
    store: EventStore,
    keys: PersonalKeys,
    destination: Arc<D>,
    queue: Queue,
    fence: i64,
    pace: Pace,
    brake: Brake,
    /// When the last tickets left.
    sent_at: Option<DateTime<Utc>>,
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

impl<D: Destination> Lane<D> {
    /// A lane that has not started.
    #[must_use]
    pub fn new(
        store: EventStore,
        keys: PersonalKeys,
        destination: Arc<D>,
        pace: Pace,
        status: Status,
    ) -> Self {
        let queue = Queue::new(store.pool().clone(), destination.system());
        let (brake, appended) = (Brake::default(), watch::Sender::default());
        Self { store, keys, destination, queue, fence: 0, pace, brake, sent_at: None, status, appended }
    }

    /// The newest position this lane appended; changes wake whoever publishes the log.
    #[must_use]
    pub fn appended(&self) -> watch::Receiver<Position> {
        self.appended.subscribe()
    }

    /// The number under which this process leads.
    #[must_use]
    pub const fn fence(&self) -> i64 {
        self.fence
    }

    /// To be called once a process leads the lane, before its first step: whoever led it before can write nothing more, and
    /// what it was sending is now ambiguous.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn recover(&mut self) -> anyhow::Result<()> {
        let Led { fence, brake, sent_at } = control::lead(self.queue.pool(), self.queue.sink()).await?;
        (self.fence, self.brake, self.sent_at) = (fence, brake, sent_at);
        let tickets = self.queue.recover(self.destination.can_be_asked()).await?;
        if tickets > 0 {
            tracing::warn!(
                tickets,
                "an earlier sender left requests behind; what became of their tickets is open"
            );
        }
        Ok(())
    }

    /// One step.
    ///
    /// # Errors
    /// When the database fails, or somebody else moves this lane's rows: [`Self::recover`] before the next step.
    pub async fn tick(&mut self, now: DateTime<Utc>) -> anyhow::Result<Tick> {
        let before = self.brake.kept();
        let ticked = self.step(now).await;
        if self.brake.kept() != before {
            let (rest, failures) = self.brake.kept();
            control::note_rest(self.queue.pool(), self.queue.sink(), self.fence, rest, failures).await?;
        }
        self.status.lane(self.brake.resting(now));
        ticked
    }

    async fn step(&mut self, now: DateTime<Utc>) -> anyhow::Result<Tick> {
        let control = control::load(self.queue.pool(), self.queue.sink()).await?;
        self.status.paused(control.paused);
        if control.paused {
            return Ok(Tick::Idle(Some(now + ASK_AGAIN)));
        }
        if let Some(rest) = self.brake.resting(now) {
            if !control.breaker_closed {
                return Ok(Tick::Idle(Some(rest.until)));
            }
            tracing::info!(why = rest.breaker.name(), "an operator lets the lane go on");
            self.brake.let_go();
        }
        self.work(now).await
    }

    /// The first kind of work there is and that has calls left: one whose calls are used up does not hold up the next.
    async fn work(&mut self, now: DateTime<Utc>) -> anyhow::Result<Tick> {
        let mut wait: Option<DateTime<Utc>> = None;
        for purpose in [Purpose::LookUp, Purpose::Send, Purpose::Update, Purpose::Reconcile] {
            let Some(work) = self.next(purpose, now).await? else { continue };
            match self.destination.permit(purpose, now).await {
                Ok(permit) => {
                    self.do_work(work, permit, now).await?;
                    return Ok(Tick::Worked);
                }
                Err(NoPermit::NotBefore(time)) => wait = Some(wait.map_or(time, |wait| wait.min(time))),
                Err(NoPermit::Stopped(_)) => return Ok(Tick::Idle(Some(now + ASK_AGAIN))),
                Err(NoPermit::Database(error)) => return Err(error.into()),
            }
        }
        if wait.is_some() {
            return Ok(Tick::Idle(wait));
        }
        let due = self.queue.next_due(self.pace.linger, self.next_call(now).await?).await?;
        // What is due already waits for something else: another second.
        Ok(Tick::Idle(due.map(|due| if due > now { due } else { now + TimeDelta::seconds(1) })))
    }

    async fn next(&self, purpose: Purpose, now: DateTime<Utc>) -> anyhow::Result<Option<Work>> {
        Ok(match purpose {
            Purpose::LookUp => self.queue.look_up(now).await?.map(Work::LookUp),
            Purpose::Send => self.next_delivery(now).await?.map(Work::Deliver),
            Purpose::Update => {
                let ripe = now - self.pace.linger;
                self.queue.outdated(ripe).await?.map(Work::Update)
            }
            Purpose::Reconcile if self.destination.can_be_asked() => {
                reconciliation::open(self.queue.pool(), self.queue.sink()).await?.map(Work::Reconcile)
            }
            Purpose::Reconcile | Purpose::People => None,
        })
    }

    async fn do_work(&mut self, work: Work, permit: D::Permit, now: DateTime<Utc>) -> anyhow::Result<()> {
        match work {
            Work::LookUp(look_up) => self.look_up(permit, look_up, now).await,
            Work::Deliver(owed) => self.deliver(permit, owed, now).await,
            Work::Update(outdated) => self.update(permit, outdated, now).await,
            Work::Reconcile(run) => self.reconcile(permit, run, now).await,
        }
    }

    /// Tickets, once a batch is full, or the first has waited long enough, or one is urgent and may buy a call of its own.
    async fn next_delivery(&self, now: DateTime<Utc>) -> anyhow::Result<Option<Vec<Owed>>> {
        let size = if self.brake.half_open() { 1 } else { self.destination.batch_size() };
        let owed = self.queue.pending(now, size).await?;
        let waited = |owed: &&Owed| owed.due_at + self.pace.linger <= now;
        let waited: Vec<_> = owed.iter().filter(waited).collect();
        let go = owed.len() == size
            || owed.iter().any(|owed| owed.slice.is_some())
            || (!waited.is_empty()
                && (self.next_call(now).await?.is_none_or(|time| time <= now)
                    || (waited.iter().any(|owed| owed.urgent) && self.may_flush_early(now).await?)));
        Ok(go.then_some(owed))
    }

    /// Before when a batch that is not full had better wait for company: requests that follow each other this slowly last
    /// until there are new ones. Nothing when the last one was long ago, or nobody counts.
    async fn next_call(&self, now: DateTime<Utc>) -> anyhow::Result<Option<DateTime<Utc>>> {
        let (shortest, longest) = (self.pace.linger, self.pace.longest_linger);
        let Some(sent_at) = self.sent_at.filter(|_| longest > shortest) else { return Ok(None) };
        let forecast = self.destination.forecast(now).await?;
        Ok(Some(sent_at + retry::linger(forecast, shortest, longest)))
    }

    async fn may_flush_early(&self, now: DateTime<Utc>) -> anyhow::Result<bool> {
        Ok(self.destination.may_flush_early(now).await?)
    }

    fn recorder(&self) -> Recorder {
        Recorder::new(self.store.clone(), self.queue.sink(), self.fence)
    }

    async fn record(&self, outcomes: Vec<Outcome>) -> anyhow::Result<()> {
        if let Some(position) = self.recorder().record(outcomes).await? {
            self.appended.send_replace(position);
        }
        Ok(())
    }
}

/// What a step can be about.
enum Work {
    LookUp(LookUp),
    Deliver(Vec<Owed>),
    Update(Outdated),
    Reconcile(Run),
}
