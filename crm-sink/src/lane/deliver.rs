//! Sending a batch: build, claim, send, judge, settle.

use chrono::{DateTime, Utc};
use schemas::{TicketId, event::CrmOutcome};
use serde_json::{Value, value::RawValue};
use ulid::Ulid;

use super::Lane;
use crate::{
    dossier::Dossier,
    metric,
    outcome::{Fate, Outcome},
    queue::{self, Owed},
    zoho::{
        Answer, Record, Refusal, Refused,
        client::Permit,
        judge::{Verdict, judge},
        request::MAX_BYTES,
    },
};

/// A ticket with its record, ready to travel.
struct Parcel {
    owed: Owed,
    record: Box<RawValue>,
}

impl Lane {
    /// Sends what fits into one request. Building comes before claiming, so that a ticket that cannot be built never
    /// counts as sent.
    pub(super) async fn deliver(
        &mut self,
        permit: Permit,
        owed: Vec<Owed>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let batch = format!("b_{}", Ulid::generate());
        let parcels = self.pack(owed, &batch).await?;
        let parcels = self.claim(parcels, &batch, now).await?;
        if parcels.is_empty() {
            return Ok(());
        }
        let (sent, records): (Vec<_>, Vec<_>) =
            parcels.into_iter().map(|parcel| (parcel.owed, parcel.record)).unzip();
        // From here on a crash leaves the rows in `sending`: the next leader looks them up.
        let answer = self.client.add(permit, &records).await;
        tracing::info!(batch, tickets = sent.len(), answer = answer.name(), "sent");
        match answer {
            Answer::Done(body) => self.judge(sent, &batch, &body, now).await,
            Answer::Refused(refused) => self.release(&sent, &batch, refused, now).await,
            Answer::NoRows => self.doubt(&sent, &batch, "not-an-answer", now).await,
            Answer::Unknown(reason) => self.doubt(&sent, &batch, reason, now).await,
        }
    }

    /// Builds the records, as many as fit; settles what needs no sending.
    async fn pack(&self, owed: Vec<Owed>, batch: &str) -> anyhow::Result<Vec<Parcel>> {
        let (mut parcels, mut settled, mut bytes) = (vec![], vec![], 0);
        for owed in owed {
            let fate = match Dossier::read(&self.store, &self.keys, owed.ticket).await? {
                Dossier::Deliver(facts) => {
                    let record = serde_json::value::to_raw_value(&Record::new(*facts, batch))?;
                    bytes += record.get().len();
                    if bytes > MAX_BYTES && !parcels.is_empty() {
                        break;
                    }
                    parcels.push(Parcel { owed, record });
                    continue;
                }
                Dossier::Delivered(record) => {
                    Fate::Delivered { record_id: record.record_id, how: record.how, batch: record.batch }
                }
                Dossier::Undeliverable(reason) => Fate::Parked(reason.to_owned()),
            };
            settled.push(Outcome { owed, fate });
        }
        self.record(settled).await?;
        Ok(parcels)
    }

    /// Writes down what is about to be sent. Only what was still pending is ours to send.
    async fn claim(
        &self,
        parcels: Vec<Parcel>,
        batch: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<Parcel>> {
        let tickets: Vec<_> = parcels.iter().map(|parcel| parcel.owed.ticket).collect();
        let look_up_at = now + self.pace.request_timeout + self.pace.grace;
        let claimed = queue::claim(self.store.pool(), &tickets, batch, now, look_up_at).await?;
        let ours = parcels.into_iter().filter(|parcel| claimed.contains(&parcel.owed.ticket));
        let sending =
            |owed: Owed| Owed { attempts: owed.attempts + 1, batch: Some(batch.to_owned()), ..owed };
        Ok(ours.map(|parcel| Parcel { owed: sending(parcel.owed), ..parcel }).collect())
    }

    /// Settles each ticket by its own result.
    async fn judge(
        &mut self,
        sent: Vec<Owed>,
        batch: &str,
        body: &Value,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let Some(verdicts) = judge(&tickets(&sent), body) else {
            return self.doubt(&sent, batch, "not-about-this-batch", now).await;
        };
        self.brake.let_go();
        let mut sorted = Sorted::default();
        for (owed, verdict) in sent.into_iter().zip(verdicts) {
            sorted.put(owed, verdict, batch);
        }
        self.record(sorted.settled).await?;
        if !sorted.duplicates.is_empty() {
            queue::mark_duplicates(self.store.pool(), &tickets(&sorted.duplicates), batch, now).await?;
        }
        if !sorted.full.is_empty() {
            self.release(&sorted.full, batch, Refused::silently(Refusal::Capacity), now).await?;
        }
        if !sorted.unclear.is_empty() {
            self.doubt(&sorted.unclear, batch, "unclear-results", now).await?;
        }
        Ok(())
    }

    /// Nothing was done, and not because of the tickets.
    async fn release(
        &mut self,
        sent: &[Owed],
        batch: &str,
        refused: Refused,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        metric::delivered("refused", sent.len());
        let due_at = self.brake.refused(refused, now);
        Ok(queue::release(self.store.pool(), &tickets(sent), batch, due_at).await?)
    }

    /// Perhaps something was done.
    async fn doubt(
        &mut self,
        sent: &[Owed],
        batch: &str,
        reason: &'static str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        metric::delivered("ambiguous", sent.len());
        self.brake.unknown(reason, now);
        Ok(queue::doubt(self.store.pool(), &tickets(sent), batch).await?)
    }
}

/// A batch, sorted by what has to be done.
#[derive(Default)]
struct Sorted {
    settled: Vec<Outcome>,
    duplicates: Vec<Owed>,
    full: Vec<Owed>,
    unclear: Vec<Owed>,
}

impl Sorted {
    fn put(&mut self, owed: Owed, verdict: Verdict, batch: &str) {
        match verdict {
            Verdict::Created { record_id, warned } => {
                if warned {
                    tracing::warn!(ticket.id = %owed.ticket, batch, "created, but a workflow in the CRM failed");
                }
                let fate = Fate::Delivered { record_id, how: CrmOutcome::Posted, batch: batch.to_owned() };
                self.settled.push(Outcome { owed, fate });
            }
            Verdict::Refused(reason) => self.settled.push(Outcome { owed, fate: Fate::Parked(reason) }),
            Verdict::Duplicate => self.duplicates.push(owed),
            Verdict::Full => self.full.push(owed),
            Verdict::Unclear => self.unclear.push(owed),
        }
    }
}

fn tickets(owed: &[Owed]) -> Vec<TicketId> {
    owed.iter().map(|owed| owed.ticket).collect()
}
