//! What is said of a ticket: type, time and data, as the specification recommends.

use serde_json::{Value, json};

use crate::dossier::Facts;

/// The first message about a ticket.
const ANALYZED: &str = "ticket.analyzed";
/// Each one after it; like the first, it says everything.
const CHANGED: &str = "ticket.changed";

/// The body of a message.
#[must_use]
pub fn message(facts: &Facts, first: bool) -> Value {
    json!({
        "type": if first { ANALYZED } else { CHANGED },
        // When what it tells of happened, not when it is sent.
        "timestamp": facts.at,
        "data": {
            "ticket": facts.ticket,
            // A receiver that gets messages out of order goes by the highest.
            "position": facts.position,
            "status": facts.status,
            "assignee": facts.assignee,
            "requester": { "name": facts.name, "email": facts.email },
            "requestType": facts.request_type,
            "description": facts.description,
            "analysis": facts.analysis,
        },
    })
}
