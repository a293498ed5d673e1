//! What the work list and the log say about a ticket.

use schemas::{TicketEvent, TicketId, Version, event::CrmRecordCreated};

use crate::desk::Desk;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) state: String,
    pub(crate) attempts: i32,
    pub(crate) how: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) record_id: Option<String>,
}

impl Desk {
    pub(crate) async fn row(&self, ticket: TicketId) -> Row {
        let row: (String, i32, Option<String>, Option<String>, Option<String>) = sqlx::query_as(
            "select state, attempts, how, reason, record_id from crm.delivery where ticket_id = $1",
        )
        .bind(ticket.to_string())
        .fetch_one(self.writer.store.pool())
        .await
        .unwrap();
        Row { state: row.0, attempts: row.1, how: row.2, reason: row.3, record_id: row.4 }
    }

    /// State, how, attempts.
    pub(crate) async fn fate(&self, ticket: TicketId) -> (String, Option<String>, i32) {
        let row = self.row(ticket).await;
        (row.state, row.how, row.attempts)
    }

    /// The events the sink recorded.
    pub(crate) async fn crm_events(&self, ticket: TicketId) -> Vec<TicketEvent> {
        let stream = self.writer.store.read_stream(ticket, Version::NONE).await.unwrap();
        let events = stream.into_iter().filter(|event| event.metadata.actor == "system:crm-sink");
        events.map(|event| event.event().unwrap()).collect()
    }

    pub(crate) async fn created_events(&self, ticket: TicketId) -> Vec<CrmRecordCreated> {
        let created = |event| match event {
            TicketEvent::CrmRecordCreated(created) => Some(created),
            _ => None,
        };
        self.crm_events(ticket).await.into_iter().filter_map(created).collect()
    }

    /// What the CRM's one record of a ticket says.
    pub(crate) fn text_of(&self, ticket: TicketId, field: &str) -> Option<String> {
        let records = self.mock.records();
        let record = records.iter().find(|record| record.text("Ticket_ID") == Some(&ticket.to_string()));
        record.unwrap().text(field).map(str::to_owned)
    }

    /// Exactly one record each, in the CRM, on the work list and in the log, all the same; and no limit broken.
    pub(crate) async fn assert_one_record_each(&self, tickets: &[TicketId]) {
        let records = self.mock.records();
        for ticket in tickets {
            let text = ticket.to_string();
            let ids: Vec<_> = records
                .iter()
                .filter(|record| record.text("Ticket_ID") == Some(&text))
                .map(|record| record.id.to_string())
                .collect();
            assert_eq!(ids.len(), 1, "{ticket} has the records {ids:?}");
            let row = self.row(*ticket).await;
            assert_eq!((row.state.as_str(), row.record_id.as_ref()), ("delivered", ids.first()), "{ticket}");
            match self.created_events(*ticket).await.as_slice() {
                [event] => assert_eq!(event.record_id, ids[0]),
                events => panic!("{ticket} has the events {events:?}"),
            }
        }
        assert_eq!(records.len(), tickets.len());
        assert_eq!(self.mock.counters().violations.total(), 0);
    }
}
