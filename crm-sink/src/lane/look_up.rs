//! Looking up what became of a request whose answer was lost, whether a refused record exists all the same, and which
//! record a duplicate is a duplicate of.

use chrono::{DateTime, Utc};
use schemas::event::CrmOutcome;

use super::{Lane, deliver::next_try};
use crate::{
    destination::{Destination, Found, Looked, Sought},
    outcome::{Fate, Outcome},
    queue::{LookUp, Owed},
};

impl<D: Destination> Lane<D> {
    /// One look-up settles a whole batch; records of duplicates, perhaps of an earlier batch that landed late, are looked
    /// for by their tickets. Only an answer that lists rows, or says that there are none, tells anything about a ticket.
    /// Everything else leaves the tickets as they are: to be looked up again.
    pub(super) async fn look_up(
        &mut self,
        permit: D::Permit,
        LookUp { sought, owed }: LookUp,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let looked = self.destination.find(permit, &sought).await;
        let (batch, how) = match &sought {
            Sought::Batch(batch) => (batch.as_str(), CrmOutcome::Found),
            Sought::Tickets(_) => ("", CrmOutcome::Duplicate),
        };
        tracing::info!(batch, tickets = owed.len(), answer = name(&looked), "looked up");
        match looked {
            Looked::Rows(rows) => {
                self.brake.let_go();
                self.record(owed.into_iter().map(|owed| settled(&rows, owed, how, now)).collect()).await
            }
            Looked::Refused(refused) => {
                self.brake.refused(refused, now);
                Ok(())
            }
            Looked::Unknown(reason) => {
                self.brake.unknown(reason, now);
                Ok(())
            }
        }
    }
}

fn settled(rows: &[Found], owed: Owed, how: CrmOutcome, now: DateTime<Utc>) -> Outcome {
    match (delivered(rows, &owed, how), owed.refused.clone()) {
        (Some(fate), _) => Outcome { owed, fate },
        (None, Some(reason)) => Outcome { owed, fate: Fate::Parked(reason) },
        (None, None) => next_try(owed, "no record: the request or its answer was lost", now),
    }
}

/// The ticket's record, if it is among the rows. Of two the older one counts, which has the lower id.
fn delivered(rows: &[Found], owed: &Owed, how: CrmOutcome) -> Option<Fate> {
    let mut records: Vec<_> = rows.iter().filter(|row| row.ticket == owed.ticket).collect();
    records.sort_by_key(|row| (row.record_id.len(), row.record_id.clone()));
    if records.len() > 1 {
        tracing::error!(ticket.id = %owed.ticket, records = records.len(), "the CRM holds more than one record of a ticket");
    }
    let record = *records.first()?;
    let batch = record.batch.clone().or_else(|| owed.batch.clone()).unwrap_or_default();
    Some(Fate::Delivered { record_id: record.record_id.clone(), how, batch })
}

const fn name(looked: &Looked) -> &'static str {
    match looked {
        Looked::Rows(_) => "done",
        Looked::Refused(refused) => refused.why.name(),
        Looked::Unknown(reason) => reason,
    }
}
