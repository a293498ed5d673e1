//! Which tickets the CRM is owed: a projection, so that a ticket enters the work list in the transaction that moves the
//! checkpoint. It has no way to call out; rebuilding it therefore sends nothing by itself.

use schemas::{Envelope, subject};
use sqlx::PgConnection;
use subscription::Projection;

/// Name of the stage: its checkpoint, its durable consumer, its lock.
pub const STAGE: &str = "crm-sink";

/// Puts tickets on the work list once their analysis has come to an end, good or bad: a ticket that could not be analyzed
/// is delivered without an analysis, because nothing is dropped.
#[derive(Clone, Copy, Debug)]
pub struct Intake;

impl Projection for Intake {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        let due: Vec<_> = events.iter().filter(|event| makes_due(event)).collect();
        if due.is_empty() {
            return Ok(());
        }
        let tickets: Vec<_> = due.iter().map(|event| event.subject.to_string()).collect();
        let ids: Vec<_> = due.iter().map(|event| event.id.as_uuid()).collect();
        let positions: Vec<_> = due.iter().map(|event| event.position.0).collect();
        let times: Vec<_> = due.iter().map(|event| event.time).collect();
        // The first event counts, as it would in any replay of the log; later ones will be updates of the record.
        sqlx::query!(
            "insert into crm.delivery (ticket_id, event_id, position, due_at)
             select * from unnest($1::text[], $2::uuid[], $3::bigint[], $4::timestamptz[])
             on conflict (ticket_id) do nothing",
            &tickets,
            &ids,
            &positions,
            &times,
        )
        .execute(connection)
        .await?;
        Ok(())
    }
}

/// By the subject's token and not by the data: a later version of the event makes the ticket due all the same.
fn makes_due(event: &Envelope) -> bool {
    matches!(subject::token(&event.type_name), "analyzed" | "analysis-failed")
}
