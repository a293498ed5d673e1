//! Effects that cannot commit with the checkpoint (inference, appends). The handler gives each event a fate; attempts
//! are counted before it runs, so a crash counts, and an event that keeps crashing the process is parked.

use std::{convert::Infallible, time::Duration};

use crash_points::reach;
use schemas::{Envelope, Position};
use sqlx::PgConnection;
use tokio_util::sync::CancellationToken;

use crate::{
    checkpoint::{self, Checkpoint},
    exceptions::{self, Taken},
    failure::Failure,
    leadership::lead,
    order::{self, Verdict},
    source::Source,
    stage::{BATCH, POLL, Progress, SWEEP, Stage},
};

/// Attempts that end with the process before the event is parked.
const CRASHES: i32 = 5;
/// From here on events are handed over one by one, to find the one that crashes.
const CAREFUL: i32 = 2;
/// Attempts in all before an event that keeps asking for a retry is parked.
const ATTEMPTS: i32 = 20;
/// Longer than any handler takes: until then nobody else retries the event.
const LEASE: Duration = Duration::from_mins(5);

/// What shall become of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Finished, or nothing to do.
    Done,
    /// Not now.
    RetryAfter(Duration, String),
    /// Not before something comes back that may be away for long: waiting for it is no attempt.
    Postpone(Duration, String),
    /// Not without an operator; the stage goes on without it.
    Park(String),
    /// Not now, and nothing else either: what is wrong is not the event's fault. The stage halts before it, says so
    /// where its health is shown, and asks again every ten seconds. The reason must be fit for a public answer.
    Stop(String),
}

/// Work done in answer to events.
pub trait Reaction: Send + Sync {
    /// Whether an event waits while an earlier one of its ticket is parked or waits for a retry. Other tickets flow
    /// in any case.
    const ORDERED: bool = false;

    /// Whether events of this type are its business; the others are passed without a call.
    fn concerns(&self, type_name: &str) -> bool;

    /// Reacts to events, in the order of the log, with one fate each. Seeing an event again must be harmless.
    fn react(&self, events: &[Envelope]) -> impl Future<Output = Vec<Fate>> + Send;

    /// Hears of an event that is parked without being tried again, because the attempts at it ended the process.
    fn given_up(&self, _event: &Envelope, _attempts: u32) -> impl Future<Output = ()> + Send {
        std::future::ready(())
    }
}

/// Runs a reaction until the process stops.
///
/// # Errors
/// Never: trouble is logged, shown in `progress`, and tried again.
pub async fn run(
    stage: Stage,
    reaction: impl Reaction,
    progress: Progress,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    lead(&stage, &progress, &stop, || follow(&stage, &reaction, &progress)).await;
    Ok(())
}

async fn follow(stage: &Stage, reaction: &impl Reaction, progress: &Progress) -> Result<Infallible, Failure> {
    let mut cursor = checkpoint::load(stage.store.pool(), stage.name).await?;
    progress.reset(cursor.position);
    // The last owner died on what comes now, perhaps because of it.
    let suspects = if cursor.attempts >= CAREFUL { i64::from(BATCH) } else { 0 };
    let careful_until = Position(cursor.position.0 + suspects);
    let mut source = Source::new(stage.clone());
    loop {
        retry_due(stage, reaction).await?;
        // Short, because retries fall due meanwhile.
        let batch = source.next(cursor.position, POLL).await?;
        reach("reaction.read");
        let portion = if cursor.position < careful_until { 1 } else { BATCH as usize };
        for events in batch.events.chunks(portion) {
            cursor = batch.held_during(advance(stage, reaction, cursor, events)).await?;
            progress.reset(cursor.position);
        }
        batch.settle().await;
        reach("reaction.settled");
    }
}

async fn advance(
    stage: &Stage,
    reaction: &impl Reaction,
    cursor: Checkpoint,
    events: &[Envelope],
) -> Result<Checkpoint, Failure> {
    let Some(last) = events.last() else { return Ok(cursor) };
    let concerning: Vec<_> =
        events.iter().filter(|event| reaction.concerns(&event.type_name)).cloned().collect();
    let verdicts = judge(stage, reaction, cursor, &concerning).await?;
    reach("reaction.reacted");
    let stopped = first_stop(&concerning, &verdicts);
    let passed = stopped.as_ref().map_or(last.position, |(at, _)| Position(at.0 - 1));
    let mut transaction = stage.store.pool().begin().await?;
    for (event, verdict) in concerning.iter().zip(&verdicts).filter(|(event, _)| event.position <= passed) {
        note(&mut transaction, stage, event, verdict.attempts, &verdict.fate).await?;
    }
    reach("reaction.noted");
    // Halting before the first of them still takes the attempt back, which did not end with the process.
    checkpoint::advance(&mut transaction, stage.name, cursor.position, passed).await??;
    reach("reaction.advanced");
    transaction.commit().await?;
    reach("reaction.committed");
    match stopped {
        Some((at, reason)) => Err(Failure::Stopped { at, reason }),
        None => Ok(Checkpoint { position: passed, attempts: 0 }),
    }
}

/// The first event that the stage will not pass, with the reason.
fn first_stop(events: &[Envelope], verdicts: &[Verdict]) -> Option<(Position, String)> {
    events.iter().zip(verdicts).find_map(|(event, verdict)| match &verdict.fate {
        Fate::Stop(reason) => Some((event.position, reason.clone())),
        _ => None,
    })
}

async fn judge(
    stage: &Stage,
    reaction: &impl Reaction,
    cursor: Checkpoint,
    events: &[Envelope],
) -> Result<Vec<Verdict>, Failure> {
    if events.is_empty() {
        return Ok(vec![]);
    }
    if let [event] = events
        && cursor.attempts >= CRASHES
    {
        return Ok(vec![Verdict::tried(give_up(reaction, event).await)]);
    }
    checkpoint::count_attempt(stage.store.pool(), stage.name, cursor.position).await?;
    reach("reaction.counted");
    Ok(if is_ordered(reaction) {
        order::react(stage, reaction, events).await?
    } else {
        reaction.react(events).await.into_iter().map(Verdict::tried).collect()
    })
}

const fn is_ordered<R: Reaction>(_: &R) -> bool {
    R::ORDERED
}

/// Tries again what is due, and what waited behind it.
async fn retry_due(stage: &Stage, reaction: &impl Reaction) -> Result<(), Failure> {
    while retry_batch(stage, reaction).await? > 0 && is_ordered(reaction) {}
    Ok(())
}

/// Tries a batch of what is due, one by one; how many are finished now.
async fn retry_batch(stage: &Stage, reaction: &impl Reaction) -> Result<usize, Failure> {
    let pool = stage.store.pool();
    let due = exceptions::due(pool, stage.name, i64::from(BATCH), is_ordered(reaction)).await?;
    if due.is_empty() {
        return Ok(0);
    }
    let events = stage.store.read_positions(&due).await?;
    let mut finished = 0;
    for position in due {
        // One at a time: a crash must not count against those that were not tried.
        let Some(taken) = exceptions::take(pool, stage.name, position, LEASE).await? else { continue };
        let Some(event) = events.iter().find(|event| event.position == position) else { continue };
        reach("retry.taken");
        let fate = retry(reaction, event, taken).await;
        reach("retry.reacted");
        if fate == Fate::Done {
            exceptions::settle(pool, stage.name, position).await?;
            reach("retry.settled");
            finished += 1;
        } else {
            note(&mut *pool.acquire().await?, stage, event, taken.attempts, &fate).await?;
        }
        if let Fate::Stop(reason) = fate {
            return Err(Failure::Stopped { at: position, reason });
        }
    }
    Ok(finished)
}

async fn retry(reaction: &impl Reaction, event: &Envelope, taken: Taken) -> Fate {
    if taken.unended >= CRASHES {
        return give_up(reaction, event).await;
    }
    if taken.attempts > ATTEMPTS {
        return Fate::Park(format!("no success in {ATTEMPTS} attempts"));
    }
    reaction.react(std::slice::from_ref(event)).await.pop().unwrap_or(Fate::Done)
}

/// For an event that ended the process too often to be tried again.
async fn give_up(reaction: &impl Reaction, event: &Envelope) -> Fate {
    reaction.given_up(event, CRASHES as u32).await;
    Fate::Park(format!("ended the process {CRASHES} times"))
}

/// Keeps what is not done for later.
async fn note(
    connection: &mut PgConnection,
    stage: &Stage,
    event: &Envelope,
    attempts: i32,
    fate: &Fate,
) -> Result<(), Failure> {
    let (attempts, delay, reason) = match fate {
        Fate::Done => return Ok(()),
        Fate::RetryAfter(delay, reason) => (attempts, Some(*delay), reason),
        Fate::Postpone(delay, reason) => (attempts - 1, Some(*delay), reason),
        Fate::Park(reason) => (attempts, None, reason),
        // Not its fault, so it does not count.
        Fate::Stop(reason) => (attempts - 1, Some(SWEEP), reason),
    };
    tracing::warn!(stage = stage.name, position = %event.position, attempts, parked = delay.is_none(), reason, "not done");
    Ok(exceptions::note(connection, stage.name, event, attempts, delay, reason).await?)
}
