//! A ticket begins.

use event_store::KeyRing;
use schemas::{Envelope, event::TicketSubmitted};

use crate::{
    personal::open_with,
    read_model::{Ticket, crm_status, status},
};

/// The ticket as it was handed in.
pub(super) fn submitted(ring: &KeyRing, event: &Envelope, data: &TicketSubmitted) -> Ticket {
    Ticket {
        id: event.subject.to_string(),
        number: event.position.0,
        requester_id: data.requester.id.to_string(),
        name: open_with(ring, event.id, "name", &data.requester.name),
        email: open_with(ring, event.id, "email", &data.requester.email),
        description: open_with(ring, event.id, "description", &data.description),
        summary: None,
        entities: None,
        request_type: data.request_type.clone(),
        status: status::OPEN.to_owned(),
        category: None,
        priority: None,
        sentiment: None,
        kind: None,
        route: None,
        urgency: None,
        analysis: None,
        needs_review: false,
        degraded: false,
        crm_system: None,
        crm_record_id: None,
        crm_status: crm_status::PENDING.to_owned(),
        created_at: event.time,
        analyzed_at: None,
        crm_delivered_at: None,
        updated_at: event.time,
        // Nothing is seen yet: the fold notes this event like any other.
        position: 0,
        version: 0,
        assignee: None,
        corrections: None,
        language: None,
        resolved_at: None,
        resolutions: 0,
        reopenings: 0,
        satisfaction: None,
    }
}
