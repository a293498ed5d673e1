//! Bringing a record up to date. The whole of what the record should say is sent, so that one request makes up for any
//! number of changes, and repeating it is harmless. A ticket's updates never overlap: after one whose outcome is unknown
//! the next waits until the first can no longer run.

use chrono::{DateTime, Utc};
use crash_points::reach;

use super::Lane;
use crate::{
    destination::{Destination, Parcel, Updated},
    dossier::Dossier,
    metric,
    outcome::{Fate, Outcome},
    queue::{Outdated, Owed},
    retry,
};

impl<D: Destination> Lane<D> {
    pub(super) async fn update(
        &mut self,
        permit: D::Permit,
        outdated: Outdated,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let facts = match Dossier::latest(&self.store, &self.keys, outdated.ticket).await? {
            Dossier::Deliver(facts) => facts,
            Dossier::Delivered(_) => return Ok(()),
            Dossier::Undeliverable(reason) => return self.refuse(&outdated, reason).await,
        };
        let record = match self.destination.record(&facts, None) {
            Ok(record) => record,
            Err(reason) => return self.refuse(&outdated, &reason).await,
        };
        let key = format!("{}.{}", outdated.ticket, facts.position);
        let parcel = Parcel { ticket: outdated.ticket, key, record };
        let again_at = now + self.pace.request_timeout + self.pace.grace;
        if !self.queue.claim_update(self.fence, &outdated, again_at).await? {
            return Ok(());
        }
        reach("crm.update-claimed");
        let updated = self.destination.update(permit, &outdated.record_id, &parcel).await;
        reach("crm.update-sent");
        tracing::info!(
            ticket.id = %outdated.ticket,
            record_id = outdated.record_id,
            through = %facts.position,
            answer = name(&updated),
            "updated"
        );
        metric::delivered(self.queue.sink(), metric_name(&updated), 1);
        self.settle_update(updated, &outdated, facts.position, now).await
    }

    async fn settle_update(
        &mut self,
        updated: Updated,
        outdated: &Outdated,
        through: schemas::Position,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        match updated {
            Updated::Done => {
                self.brake.let_go();
                if let Some(position) = self.recorder().record_update(outdated, through).await? {
                    self.appended.send_replace(position);
                }
                Ok(())
            }
            Updated::Gone => {
                self.brake.let_go();
                self.lose(outdated, "update", now).await
            }
            Updated::Rejected(reason) => {
                self.brake.let_go();
                self.refuse(outdated, &reason).await
            }
            Updated::Refused(refused) => {
                let due_at = self.brake.refused(refused, now);
                Ok(self.queue.release_update(outdated.ticket, due_at).await?)
            }
            Updated::Unknown(reason) => {
                self.brake.unknown(reason, now);
                match retry::delay(outdated.attempts + 1, rand::random()) {
                    Some(delay) => Ok(self.queue.delay_update(outdated.ticket, now + delay).await?),
                    None => self.refuse(outdated, "no answer to the last update").await,
                }
            }
        }
    }

    /// Its record is gone: it gets another one.
    pub(super) async fn lose(
        &self,
        outdated: &Outdated,
        noticed: &'static str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let Some(owed) = self.queue.delivered(outdated.ticket).await? else { return Ok(()) };
        let record_id = outdated.record_id.clone();
        self.record(vec![lost(owed, record_id, noticed, now)]).await
    }

    async fn refuse(&self, outdated: &Outdated, reason: &str) -> anyhow::Result<()> {
        tracing::error!(ticket.id = %outdated.ticket, record_id = outdated.record_id, reason, "a record stays out of date");
        Ok(self.queue.refuse_update(outdated.ticket, reason).await?)
    }
}

pub(super) fn lost(owed: Owed, record_id: String, noticed: &'static str, now: DateTime<Utc>) -> Outcome {
    Outcome { owed, fate: Fate::Lost { record_id, noticed, due_at: now } }
}

const fn name(updated: &Updated) -> &'static str {
    match updated {
        Updated::Done => "done",
        Updated::Gone => "gone",
        Updated::Rejected(_) => "rejected",
        Updated::Refused(refused) => refused.why.name(),
        Updated::Unknown(reason) => reason,
    }
}

const fn metric_name(updated: &Updated) -> &'static str {
    match updated {
        Updated::Done => "updated",
        Updated::Gone => "update-gone",
        Updated::Rejected(_) => "update-rejected",
        Updated::Refused(_) => "update-refused",
        Updated::Unknown(_) => "update-ambiguous",
    }
}
