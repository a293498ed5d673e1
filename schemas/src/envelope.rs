//! The envelope of every event: CloudEvents 1.0, structured JSON. It is the same on the bus, in exports and in the
//! operator's terminal, and holds exactly what the log row holds.

use chrono::{DateTime, SubsecRound as _, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    event::{DecodeError, TicketEvent},
    id::{EventId, Position, TicketId, Version},
};

/// Where an event came from and what it belongs to; stored beside the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Metadata {
    /// The first event of the ticket's story: groups everything that followed from it.
    pub correlationid: EventId,
    /// The event that led to this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub causationid: Option<EventId>,
    /// W3C trace context of the request or work that made the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// Who acted: `anonymous`, `system:analyzer`, `system:crm-sink`, or a user's id. Never a name or an address.
    pub actor: String,
}

impl Metadata {
    /// Of an event that `actor` makes in answer to `cause`, which carries this metadata.
    #[must_use]
    pub fn caused_by(&self, cause: EventId, actor: &str) -> Self {
        Self {
            correlationid: self.correlationid,
            causationid: Some(cause),
            traceparent: self.traceparent.clone(),
            actor: actor.to_owned(),
        }
    }
}

/// A recorded event.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Envelope {
    /// Always `1.0`.
    pub specversion: String,
    /// Unique; the bus and every consumer de-duplicate by it.
    pub id: EventId,
    /// Always [`Envelope::SOURCE`].
    pub source: String,
    /// Storage name of the event, with its version.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The ticket, which is the stream.
    pub subject: TicketId,
    /// When the log recorded it, microseconds.
    pub time: DateTime<Utc>,
    /// Always `application/json`.
    pub datacontenttype: String,
    /// Names the JSON Schema of `data`.
    pub dataschema: String,
    /// Place in the total order.
    pub position: Position,
    /// Place in the ticket's stream.
    pub version: Version,
    /// Where it came from.
    #[serde(flatten)]
    pub metadata: Metadata,
    /// The exact bytes of the fact.
    #[schemars(with = "serde_json::Value")]
    pub data: Box<RawValue>,
}

impl Envelope {
    /// The CloudEvents source of every event of the hub.
    pub const SOURCE: &'static str = "/smart-service-hub";

    /// Dresses a log row.
    #[must_use]
    pub fn new(place: Recorded, type_name: String, metadata: Metadata, data: Box<RawValue>) -> Self {
        Self {
            specversion: "1.0".to_owned(),
            id: place.id,
            source: Self::SOURCE.to_owned(),
            dataschema: dataschema(&type_name),
            type_name,
            subject: place.ticket,
            time: place.time.trunc_subsecs(6),
            datacontenttype: "application/json".to_owned(),
            position: place.position,
            version: place.version,
            metadata,
            data,
        }
    }

    /// The fact itself.
    ///
    /// # Errors
    /// As [`TicketEvent::decode`].
    pub fn event(&self) -> Result<TicketEvent, DecodeError> {
        TicketEvent::decode(&self.type_name, &self.data)
    }
}

/// Identity and place of a log row.
#[derive(Clone, Copy, Debug)]
pub struct Recorded {
    /// Unique id of the event.
    pub id: EventId,
    /// The stream.
    pub ticket: TicketId,
    /// Place in the total order.
    pub position: Position,
    /// Place in the stream.
    pub version: Version,
    /// When the log recorded it.
    pub time: DateTime<Utc>,
}

/// The URN that names the schema of a type's data.
#[must_use]
pub fn dataschema(type_name: &str) -> String {
    format!("urn:smart-service-hub:schema:{type_name}")
}
