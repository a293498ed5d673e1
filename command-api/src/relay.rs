//! From the log to the bus. The relay keeps no checkpoint: the last message in the stream says where the bus stands, so
//! whatever the bus lost is published again, and messages of others are passed over. One process relays at a time; of
//! two that believe they do, the stream's expected last sequence lets one through.

mod source;

use std::{
    convert::Infallible,
    pin::pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crash_points::reach;
use event_bus::{
    Bus, BusError,
    publish::{Publisher, Tail},
};
use event_store::{EventStore, StoreError};
use futures::StreamExt as _;
use schemas::{EventId, Position};
use subscription::{Leadership, Progress, halts};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use self::source::Source;

/// From one round of publishing to the next at least: a wake-up and an acknowledgement cost the same for one event as for
/// a hundred, and whoever submits wants the processors too. An event after a pause goes out at once.
const GATHER: Duration = Duration::from_millis(10);
/// How often the log is asked where it ends while nobody says so.
const POLL: Duration = Duration::from_millis(250);
/// How often the stream is compared with what we believe about it.
const COMPARE: Duration = Duration::from_secs(10);
/// How often at most the stream is made anew because of what it lacks.
const HEAL: Duration = Duration::from_mins(10);
/// A relay that is halted lets go of the lead sooner than this.
const HALTED_LEAD: Duration = Duration::from_secs(30);
/// Before trying again after an error.
const PAUSE: Duration = Duration::from_secs(1);
const STAGE: &str = "relay";

/// Publishes the log.
#[derive(Debug)]
pub struct Relay {
    store: EventStore,
    bus: Bus,
    progress: Progress,
    leads: watch::Sender<bool>,
    healed_at: Mutex<Option<Instant>>,
}

/// How far publishing goes before the next look around.
#[derive(Clone, Copy)]
struct Round {
    /// Where the log is known to end; it may have grown meanwhile.
    end: Position,
    until: Instant,
}

/// What ends a run of the relay; the next run begins by asking the stream where it stands.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Bus(#[from] BusError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("another process may relay now")]
    Deposed,
    /// Publishing here would mix two logs; only an operator knows which of the two is in the wrong place.
    #[error(
        "the stream's last event, at position {0}, is not in this log: the stream belongs to another log, or this log \
         was restored from a backup; `hubctl bus rebuild` refills the stream from this log"
    )]
    OtherLog(Position),
}

impl Failure {
    /// Somebody else published, or the stream is damaged.
    const fn is_fence(&self) -> bool {
        matches!(self, Self::Bus(BusError::Fenced { .. }))
    }

    /// Before trying again.
    const fn pause(&self) -> Duration {
        match self {
            Self::OtherLog(_) => COMPARE,
            _ => PAUSE,
        }
    }
}

impl Relay {
    /// A relay from `store` to `bus`.
    #[must_use]
    pub fn new(store: EventStore, bus: Bus) -> Self {
        Self {
            store,
            bus,
            progress: Progress::new(STAGE),
            leads: watch::Sender::new(false),
            healed_at: Mutex::default(),
        }
    }

    /// Whether this process is the one that relays.
    #[must_use]
    pub fn leads(&self) -> watch::Receiver<bool> {
        self.leads.subscribe()
    }

    /// How far the bus has come.
    #[must_use]
    pub fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// Relays whenever this process leads, until it stops.
    ///
    /// # Errors
    /// Never: trouble is logged and tried again.
    pub async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        let mut began_at = None;
        while let Some(leadership) = self.stand_by(&stop).await {
            self.leads.send_replace(true);
            let ended = tokio::select! {
                () = stop.cancelled() => None,
                () = leadership.lost() => Some(Failure::Deposed),
                Err(failure) = self.lead(&mut began_at) => Some(failure),
            };
            self.leads.send_replace(false);
            leadership.release().await;
            let Some(failure) = ended else { break };
            if !failure.is_fence() {
                began_at = None;
            }
            let pause = failure.pause();
            let reason = failure.to_string();
            self.progress.halt(reason.clone());
            let cause = format!("{:#}", anyhow::Error::from(failure));
            tracing::warn!(cause, "the relay pauses");
            stop.run_until_cancelled(halts::note(self.store.pool(), STAGE, &reason)).await;
            stop.run_until_cancelled(sleep(pause)).await;
        }
        Ok(())
    }

    /// Waits until this process leads. What halted it is no news any more once another one leads and is not halted.
    async fn stand_by(&self, stop: &CancellationToken) -> Option<Leadership> {
        let mut acquired = pin!(Leadership::acquire(self.store.pool(), STAGE, stop));
        if let Ok(leadership) = timeout(HALTED_LEAD, &mut acquired).await {
            return leadership;
        }
        self.progress.reset(self.progress.position());
        acquired.await
    }

    /// `began_at` is where the stream stood when the last run began, if its fence ended that run.
    async fn lead(&self, began_at: &mut Option<Tail>) -> Result<Infallible, Failure> {
        let mut hints = self.bus.appended_hints().await?;
        let (mut appended, mut source) = (self.store.appended(), Source::of(self.store.clone()));
        let mut tail = self.find_tail().await?;
        reach("relay.began");
        if began_at.replace(tail) == Some(tail) {
            // Nobody else publishes, or it would have moved: what the stream says of itself and what it enforces differ,
            // as they do after damage on disk.
            tail = self.make_anew("the stream contradicts itself").await?;
        }
        let mut compare_at = Instant::now() + COMPARE;
        let mut known = None;
        loop {
            let gathered = Instant::now() + GATHER;
            let end = match known {
                Some(known) => known,
                None => self.store.head().await?,
            };
            tail = self.publish_after(tail, &mut source, Round { end, until: compare_at }).await?;
            sleep_until(gathered).await;
            known = tokio::select! {
                Some(newest) = hints.next() => newest,
                Ok(()) = appended.changed() => Some(*appended.borrow_and_update()),
                () = sleep(POLL) => None,
            };
            if Instant::now() >= compare_at {
                tail = self.find_tail().await?;
                (known, compare_at) = (None, Instant::now() + COMPARE);
            }
        }
    }

    /// Where the bus stands, after making it a bus of this log.
    async fn find_tail(&self) -> Result<Tail, Failure> {
        self.bus.ensure_stream().await?;
        let tail = match self.bus.tail().await {
            Err(BusError::Foreign) => self.make_anew("somebody else fills the stream").await?,
            tail => tail?,
        };
        if tail.id != self.id_at(tail.position).await? {
            return Err(Failure::OtherLog(tail.position));
        }
        if let Some(lack) = self.lack_before(tail).await?
            && self.may_heal()
        {
            return self.make_anew(lack).await;
        }
        if tail.position < self.progress.position() {
            tracing::warn!(bus = %tail.position, published = %self.progress.position(), "the bus lost events; publishing them again");
        }
        self.progress.reset(tail.position);
        Ok(tail)
    }

    /// What publishing after its end would not give back to the stream.
    async fn lack_before(&self, tail: Tail) -> Result<Option<&'static str>, Failure> {
        let holes = self.bus.known_holes().await?;
        if holes > 0 {
            tracing::warn!(holes, "messages are missing in the middle of the stream");
            return Ok(Some("it has holes"));
        }
        let is_whole = tail.position == Position::START
            || self.bus.first_position().await? == Some(Position::START.next());
        Ok((!is_whole).then_some("it lost its beginning"))
    }

    /// For a stream that repairing cannot save; the log fills it again.
    async fn make_anew(&self, why: &'static str) -> Result<Tail, Failure> {
        tracing::error!(why, "making the stream anew from the log");
        self.bus.recreate_stream().await?;
        Ok(self.bus.tail().await?)
    }

    /// Whether what the stream lacks may be healed now: somebody who deletes messages all the time shall not have the whole
    /// log published all the time.
    fn may_heal(&self) -> bool {
        let mut healed_at = self.healed_at.lock().unwrap_or_else(PoisonError::into_inner);
        let may = healed_at.is_none_or(|healed_at| healed_at.elapsed() > HEAL);
        if may {
            *healed_at = Some(Instant::now());
        }
        may
    }

    async fn id_at(&self, position: Position) -> Result<Option<EventId>, Failure> {
        Ok(self.store.read_positions(&[position]).await?.first().map(|event| event.id))
    }

    /// Publishes what follows `tail`, as far as the round goes.
    async fn publish_after(&self, tail: Tail, source: &mut Source, round: Round) -> Result<Tail, Failure> {
        match self.publish_with(self.bus.publisher(tail), tail, source, round).await {
            Err(Failure::Bus(BusError::Remembered)) => {
                let tail = self.bus.tail().await?;
                self.publish_with(self.bus.publisher(tail).afresh(), tail, source, round).await
            }
            published => published,
        }
    }

    /// The next events are read while the ones before go out.
    async fn publish_with(
        &self,
        mut publisher: Publisher,
        tail: Tail,
        source: &mut Source,
        round: Round,
    ) -> Result<Tail, Failure> {
        let mut events = source.next(tail.position, round.end).await?;
        if !events.is_empty() {
            reach("relay.read");
        }
        while let Some(last) = events.last()
            && last.position < round.end
            && Instant::now() < round.until
        {
            let (next, sent) = tokio::join!(source.next(last.position, round.end), publisher.send(&events));
            sent?;
            self.progress.reset(publisher.acknowledged().position);
            events = next?;
        }
        publisher.send(&events).await?;
        let end = publisher.flush().await?;
        if end != tail {
            reach("relay.published");
        }
        self.progress.reset(end.position);
        Ok(end)
    }
}
