//! Sending a batch: build, claim, send, judge, settle.

use chrono::{DateTime, TimeDelta, Utc};
use crash_points::reach;
use schemas::{Position, TicketId, event::CrmOutcome};
use ulid::Ulid;

use super::Lane;
use crate::{
    destination::{Created, Destination, Parcel, Refusal, Refused, Verdict},
    dossier::Dossier,
    metric,
    outcome::{Fate, Outcome},
    queue::Owed,
    retry,
};

/// Bytes of records in one request: far below any gateway's limit, so that long texts cannot make a batch fail.
const MAX_BYTES: usize = 1_000_000;
/// Before a ticket that is suspected of spoiling its batch is tried again, while nothing else has come through.
const SUSPECT: TimeDelta = TimeDelta::minutes(1);

/// A ticket with its record, ready to travel.
struct Packed {
    owed: Owed,
    parcel: Parcel,
    built: Position,
}

impl<D: Destination> Lane<D> {
    /// Sends what fits into one request. Building comes before claiming, so that a ticket that cannot be built never
    /// counts as sent.
    pub(super) async fn deliver(
        &mut self,
        permit: D::Permit,
        owed: Vec<Owed>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let batch = format!("b_{}", Ulid::generate());
        let packed = self.pack(owed, &batch).await?;
        reach("crm.packed");
        let packed = self.claim(packed, &batch, now).await?;
        reach("crm.claimed");
        if packed.is_empty() {
            return Ok(());
        }
        let (sent, parcels): (Vec<_>, Vec<_>) =
            packed.into_iter().map(|packed| (packed.owed, packed.parcel)).unzip();
        self.sent_at = Some(now);
        // From here on a crash leaves the rows in `sending`: the next leader looks them up.
        let created = self.destination.create(permit, &parcels).await;
        reach("crm.sent");
        tracing::info!(
            batch,
            sink = self.queue.sink(),
            tickets = sent.len(),
            answer = name(&created),
            "sent"
        );
        match created {
            Created::Judged(verdicts) => self.judge(sent, verdicts, &batch, now).await,
            Created::Spoiled(reason) => self.halve(sent, reason, &batch, now).await,
            Created::Refused(refused) => self.release(&sent, &batch, refused, now).await,
            Created::Unknown(reason) => self.doubt(sent, &batch, reason, now).await,
        }
    }

    /// Builds the records, as many as fit; settles what needs no sending.
    async fn pack(&self, owed: Vec<Owed>, batch: &str) -> anyhow::Result<Vec<Packed>> {
        let (mut packed, mut settled, mut bytes) = (vec![], vec![], 0);
        for owed in owed {
            let dossier =
                Dossier::read(&self.store, &self.keys, owed.ticket, self.destination.system()).await?;
            let fate = match dossier {
                Dossier::Deliver(facts) => match self.destination.record(&facts, Some(batch)) {
                    Ok(record) => {
                        bytes += record.get().len();
                        if bytes > MAX_BYTES && !packed.is_empty() {
                            break;
                        }
                        // The cause's position: the same for every repetition, whatever the facts are by then.
                        let key = format!("{}.{}", owed.ticket, owed.position);
                        let parcel = Parcel { ticket: owed.ticket, key, record };
                        packed.push(Packed { owed, parcel, built: facts.position });
                        continue;
                    }
                    Err(reason) => Fate::Parked(reason),
                },
                Dossier::Delivered(record) => {
                    Fate::Delivered { record_id: record.record_id, how: record.how, batch: record.batch }
                }
                Dossier::Undeliverable(reason) => Fate::Parked(reason.to_owned()),
            };
            settled.push(Outcome { owed, fate });
        }
        self.record(settled).await?;
        Ok(packed)
    }

    /// Writes down what is about to be sent. Only what was still pending is ours to send.
    async fn claim(
        &self,
        packed: Vec<Packed>,
        batch: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Vec<Packed>> {
        let tickets: Vec<_> = packed.iter().map(|packed| (packed.owed.ticket, packed.built)).collect();
        let look_up_at = now + self.pace.request_timeout + self.pace.grace;
        let claimed = self.queue.claim(self.fence, &tickets, batch, now, look_up_at).await?;
        let ours = packed.into_iter().filter(|packed| claimed.contains(&packed.owed.ticket));
        let sending =
            |owed: Owed| Owed { attempts: owed.attempts + 1, batch: Some(batch.to_owned()), ..owed };
        Ok(ours.map(|packed| Packed { owed: sending(packed.owed), ..packed }).collect())
    }

    /// Settles each ticket by its own result.
    async fn judge(
        &mut self,
        sent: Vec<Owed>,
        verdicts: Vec<Verdict>,
        batch: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        self.brake.let_go();
        let mut sorted = Sorted::default();
        for (owed, verdict) in sent.into_iter().zip(verdicts) {
            sorted.put(owed, verdict, batch);
        }
        self.record(sorted.settled).await?;
        if !sorted.doubtful.is_empty() {
            metric::delivered(self.queue.sink(), "doubtful", sorted.doubtful.len());
            self.queue.mark_refused(&sorted.doubtful, batch, now).await?;
        }
        if !sorted.duplicates.is_empty() {
            self.queue.mark_duplicates(&tickets(&sorted.duplicates), batch, now).await?;
        }
        if !sorted.full.is_empty() {
            self.release(&sorted.full, batch, Refused::silently(Refusal::Capacity), now).await?;
        }
        if !sorted.unclear.is_empty() {
            self.doubt(sorted.unclear, batch, "unclear-results", now).await?;
        }
        Ok(())
    }

    /// One record spoils the batch: its halves go by themselves, until the culprit is alone. It is parked once others have
    /// come through since; as long as none has, the fault may be ours or the system's, and the lane rests instead.
    async fn halve(
        &mut self,
        sent: Vec<Owed>,
        reason: String,
        batch: &str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        let others_pass = self.brake.spoiled(now);
        metric::delivered(self.queue.sink(), "spoiled", sent.len());
        let Some((alone, [])) = sent.split_first() else {
            let (left, right) = sent.split_at(sent.len() / 2);
            self.queue.set_apart(&tickets(left), batch, &format!("{batch}a"), now).await?;
            self.queue.set_apart(&tickets(right), batch, &format!("{batch}b"), now).await?;
            return Ok(());
        };
        if others_pass {
            return self.record(vec![Outcome { owed: alone.clone(), fate: Fate::Parked(reason) }]).await;
        }
        Ok(self.queue.set_apart(&[alone.ticket], batch, &format!("{batch}a"), now + SUSPECT).await?)
    }

    /// Nothing was done, and not because of the tickets.
    async fn release(
        &mut self,
        sent: &[Owed],
        batch: &str,
        refused: Refused,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        metric::delivered(self.queue.sink(), "refused", sent.len());
        let due_at = self.brake.refused(refused, now);
        Ok(self.queue.release(&tickets(sent), batch, due_at).await?)
    }

    /// Perhaps something was done: to be looked up, or, where nobody can be asked, done again in its time.
    async fn doubt(
        &mut self,
        sent: Vec<Owed>,
        batch: &str,
        reason: &'static str,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        metric::delivered(self.queue.sink(), "ambiguous", sent.len());
        self.brake.unknown(reason, now);
        if self.destination.can_be_asked() {
            return Ok(self.queue.doubt(&tickets(&sent), batch).await?);
        }
        self.record(sent.into_iter().map(|owed| next_try(owed, reason, now)).collect()).await
    }
}

/// The next step of the ladder after a request that left no record, or its end.
pub(super) fn next_try(owed: Owed, reason: &'static str, now: DateTime<Utc>) -> Outcome {
    let fate = match retry::delay(owed.attempts, rand::random()) {
        Some(delay) => Fate::Again { due_at: now + delay, reason },
        None => Fate::Parked("no record after the last attempt".to_owned()),
    };
    Outcome { owed, fate }
}

/// A batch, sorted by what has to be done.
#[derive(Default)]
struct Sorted {
    settled: Vec<Outcome>,
    doubtful: Vec<(TicketId, String)>,
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
            Verdict::Doubtful(reason) => self.doubtful.push((owed.ticket, reason)),
            Verdict::Duplicate => self.duplicates.push(owed),
            Verdict::Full => self.full.push(owed),
            Verdict::Unclear => self.unclear.push(owed),
        }
    }
}

fn tickets(owed: &[Owed]) -> Vec<TicketId> {
    owed.iter().map(|owed| owed.ticket).collect()
}

const fn name(created: &Created) -> &'static str {
    match created {
        Created::Judged(_) => "done",
        Created::Spoiled(_) => "spoiled",
        Created::Refused(refused) => refused.why.name(),
        Created::Unknown(reason) => reason,
    }
}
