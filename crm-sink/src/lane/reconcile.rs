//! A step of a reconciliation: a page, or, once all are read, a look-up of what seems to be missing.

use chrono::{DateTime, Utc};

use super::{Lane, update::lost};
use crate::{
    destination::{Destination, Looked, Paged, Sought},
    reconciliation::{self, Findings, Run, Suspect},
};

impl<D: Destination> Lane<D> {
    pub(super) async fn reconcile(
        &mut self,
        permit: D::Permit,
        run: Run,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        if run.read { self.verify(permit, &run, now).await } else { self.read_page(permit, &run, now).await }
    }

    async fn read_page(&mut self, permit: D::Permit, run: &Run, now: DateTime<Utc>) -> anyhow::Result<()> {
        match self.destination.page(permit, run.since, run.cursor.as_deref()).await {
            Paged::Page(page, next) => {
                self.brake.let_go();
                let (pool, sink) = (self.queue.pool(), self.queue.sink());
                reconciliation::keep_page(pool, sink, run, &page, next.as_deref(), now).await?;
                self.finish_if_clear(run, now).await
            }
            Paged::Refused(refused) => {
                self.brake.refused(refused, now);
                Ok(())
            }
            Paged::Unknown(reason) => {
                self.brake.unknown(reason, now);
                Ok(())
            }
        }
    }

    /// A page may have missed a record that moved while it was read. Only a look-up by the ticket says that it is gone.
    async fn verify(&mut self, permit: D::Permit, run: &Run, now: DateTime<Utc>) -> anyhow::Result<()> {
        let suspects = reconciliation::suspects(self.queue.pool(), run.id).await?;
        let sought = Sought::Tickets(suspects.iter().map(|suspect| suspect.ticket).collect());
        match self.destination.find(permit, &sought).await {
            Looked::Rows(rows) => {
                self.brake.let_go();
                let held = |suspect: &Suspect| rows.iter().any(|row| row.ticket == suspect.ticket);
                let (found, gone): (Vec<_>, Vec<_>) = suspects.into_iter().partition(held);
                self.deliver_anew(&gone, now).await?;
                reconciliation::settle(self.queue.pool(), run.id, &found, &gone).await?;
                self.finish_if_clear(run, now).await
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

    async fn deliver_anew(&self, gone: &[Suspect], now: DateTime<Utc>) -> anyhow::Result<()> {
        let mut outcomes = vec![];
        for suspect in gone {
            if let Some(owed) = self.queue.delivered(suspect.ticket).await? {
                outcomes.push(lost(owed, suspect.record_id.clone(), "reconciliation", now));
            }
        }
        self.record(outcomes).await
    }

    async fn finish_if_clear(&self, run: &Run, now: DateTime<Utc>) -> anyhow::Result<()> {
        let pool = self.queue.pool();
        let read = reconciliation::open(pool, self.queue.sink()).await?.is_some_and(|open| open.read);
        if !read || !reconciliation::suspects(pool, run.id).await?.is_empty() {
            return Ok(());
        }
        let Findings { missing, unknown, double, recovered } =
            reconciliation::finish(pool, run.id, now).await?;
        if missing + unknown + double > 0 {
            tracing::error!(run = run.id, missing, unknown, double, recovered, "CRM and log differ");
        } else {
            tracing::info!(run = run.id, recovered, "CRM and log agree");
        }
        Ok(())
    }
}
