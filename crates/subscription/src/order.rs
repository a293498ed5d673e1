//! The order of each ticket: while an event of it is unfinished, later ones wait behind it, and other tickets flow.

use std::{collections::HashSet, time::Duration};

use event_store::StoreError;
use schemas::Envelope;

use crate::{
    exceptions,
    reaction::{Fate, Reaction},
    stage::Stage,
};

const BEHIND: &str = "waits behind an earlier event of its ticket";

/// What became of an event, and after how many attempts.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) fate: Fate,
    pub(crate) attempts: i32,
}

impl Verdict {
    pub(crate) const fn tried(fate: Fate) -> Self {
        Self { fate, attempts: 1 }
    }

    /// Due at once, but only taken when nothing of its ticket is before it.
    fn held() -> Self {
        Self { fate: Fate::RetryAfter(Duration::ZERO, BEHIND.to_owned()), attempts: 0 }
    }
}

/// Reacts to events, in rounds of at most one event of each ticket, and holds back what may not be tried yet.
pub(crate) async fn react(
    stage: &Stage,
    reaction: &impl Reaction,
    events: &[Envelope],
) -> Result<Vec<Verdict>, StoreError> {
    let mut unfinished = exceptions::unfinished_tickets(stage.store.pool(), stage.name, events).await?;
    let mut verdicts = vec![Verdict::held(); events.len()];
    let mut open: Vec<usize> = (0..events.len()).collect();
    loop {
        open.retain(|&index| !unfinished.contains(&events[index].subject));
        let mut of_this_round = HashSet::new();
        let (round, later): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|&index| of_this_round.insert(events[index].subject));
        if round.is_empty() {
            return Ok(verdicts);
        }
        let portion: Vec<_> = round.iter().map(|&index| events[index].clone()).collect();
        for (index, fate) in round.into_iter().zip(reaction.react(&portion).await) {
            if fate != Fate::Done {
                unfinished.insert(events[index].subject);
            }
            verdicts[index] = Verdict::tried(fate);
        }
        open = later;
    }
}
