//! Looking up what became of a request whose answer was lost, and which record a duplicate is a duplicate of.

use chrono::{DateTime, Utc};
use schemas::event::CrmOutcome;

use super::Lane;
use crate::{
    metric,
    outcome::{Fate, Outcome},
    queue::{self, Owed},
    retry,
    zoho::{
        Answer,
        client::{MAX_ROWS, Permit},
        found::{self, Found},
    },
};

impl Lane {
    /// One look-up settles a whole batch.
    pub(super) async fn look_up_batch(
        &mut self,
        permit: Permit,
        batch: &str,
        owed: Vec<Owed>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let answer = self.client.find_batch(permit, batch).await;
        tracing::info!(batch, tickets = owed.len(), answer = answer.name(), "looked up a batch");
        self.settle_by(answer, owed, CrmOutcome::Found, now).await
    }

    /// A record of these exists, perhaps of an earlier batch that landed late.
    pub(super) async fn look_up_duplicates(
        &mut self,
        permit: Permit,
        owed: Vec<Owed>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let tickets: Vec<_> = owed.iter().map(|owed| owed.ticket).collect();
        let answer = self.client.find_tickets(permit, &tickets).await;
        tracing::info!(tickets = owed.len(), answer = answer.name(), "looked up duplicates");
        self.settle_by(answer, owed, CrmOutcome::Duplicate, now).await
    }

    /// Only an answer that lists rows, or says that there are none, tells anything about a ticket. Everything else leaves
    /// the tickets as they are: to be looked up again.
    async fn settle_by(
        &mut self,
        answer: Answer,
        owed: Vec<Owed>,
        how: CrmOutcome,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let rows = match answer {
            Answer::Done(body) => found::rows(&body),
            Answer::NoRows => Some(vec![]),
            Answer::Refused(refused) => {
                self.brake.refused(refused, now);
                return Ok(());
            }
            Answer::Unknown(reason) => {
                self.brake.unknown(reason, now);
                return Ok(());
            }
        };
        // A page that is full may have left out the one we look for.
        let Some(rows) = rows.filter(|rows| rows.len() < MAX_ROWS) else {
            self.brake.unknown("not-a-list", now);
            return Ok(());
        };
        self.brake.let_go();
        self.settle_rows(&rows, owed, how, now).await
    }

    async fn settle_rows(
        &mut self,
        rows: &[Found],
        owed: Vec<Owed>,
        how: CrmOutcome,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let (mut settled, mut again) = (vec![], vec![]);
        for owed in owed {
            if let Some(fate) = delivered(rows, &owed, how) {
                settled.push(Outcome { owed, fate });
            } else if let Some(delay) = retry::delay(owed.attempts, rand::random()) {
                again.push((owed, now + delay));
            } else {
                settled.push(Outcome { owed, fate: Fate::Parked("no record after the last attempt".into()) });
            }
        }
        self.record(settled).await?;
        if !again.is_empty() {
            metric::delivered("retry", again.len());
            queue::send_again(self.store.pool(), &again).await?;
        }
        Ok(())
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
