//! The facts of a ticket's life. A type's name and shape are storage format: never renamed, never changed; a new
//! shape is a new version beside the old one. Every version has a golden sample in `schemas/golden/`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    analysis::{ModelRef, Mood, SealedAnalysis},
    id::{EventId, Position, RequesterId},
    personal::Sealed,
};

pub use crate::model::ModelPromoted;
pub use crate::work::{
    AnalysisCorrected, ResolutionConfirmed, TicketAssigned, TicketClosed, TicketCommented, TicketReopened,
    TicketResolved,
};

/// Declares the closed list of events once: variant, data type, storage name, subject token.
macro_rules! events {
    ($( $(#[$doc:meta])* $variant:ident($data:ty) = $name:literal, $token:literal; )*) => {
        /// A fact about a ticket.
        #[derive(Clone, Debug, PartialEq)]
        pub enum TicketEvent { $( $(#[$doc])* $variant($data), )* }

        impl TicketEvent {
            /// Every storage name with its subject token.
            pub const TYPES: &'static [(&'static str, &'static str)] = &[ $( ($name, $token), )* ];

            /// The storage name, which is the CloudEvents `type`.
            #[must_use]
            pub const fn type_name(&self) -> &'static str {
                match self { $( Self::$variant(_) => $name, )* }
            }

            /// The exact bytes the log keeps.
            pub fn to_data(&self) -> Result<Box<RawValue>, serde_json::Error> {
                match self { $( Self::$variant(data) => serde_json::value::to_raw_value(data), )* }
            }

            /// Reads stored bytes back.
            ///
            /// # Errors
            /// [`DecodeError::UnknownType`] for a name this build does not know (a newer writer's: readers pass
            /// over it), [`DecodeError::Malformed`] for data that does not fit its type.
            pub fn decode(type_name: &str, data: &RawValue) -> Result<Self, DecodeError> {
                match type_name {
                    $( $name => serde_json::from_str(data.get()).map(Self::$variant)
                        .map_err(|source| DecodeError::Malformed { type_name: $name, source }), )*
                    other => Err(DecodeError::UnknownType(other.to_owned())),
                }
            }

            /// The same within a larger document, which keeps what schemas refer to.
            #[must_use]
            pub fn data_schemas_in(generator: &mut schemars::SchemaGenerator) -> Vec<(&'static str, schemars::Schema)> {
                vec![ $( ($name, generator.subschema_for::<$data>()), )* ]
            }

            /// The JSON Schema of each event's data, by storage name.
            #[must_use]
            pub fn data_schemas() -> Vec<(&'static str, schemars::Schema)> {
                vec![ $( ($name, schemars::schema_for!($data)), )* ]
            }
        }
    };
}

events! {
    /// A requester handed in a ticket.
    Submitted(TicketSubmitted) = "hub.ticket.submitted.v1", "submitted";
    /// The analyzer answered.
    Analyzed(Box<TicketAnalyzed>) = "hub.ticket.analyzed.v1", "analyzed";
    /// The analyzer gave up.
    AnalysisFailed(AnalysisFailed) = "hub.ticket.analysis-failed.v1", "analysis-failed";
    /// The CRM holds the ticket's one record.
    CrmRecordCreated(CrmRecordCreated) = "hub.ticket.crm-record-created.v1", "crm-record-created";
    /// The CRM would not take the ticket; an operator decides.
    CrmDeliveryParked(CrmDeliveryParked) = "hub.ticket.crm-delivery-parked.v1", "crm-delivery-parked";
    /// A request carried the ticket to the CRM and left no record; it goes again.
    CrmDeliveryAttempted(CrmDeliveryAttempted) = "hub.ticket.crm-delivery-attempted.v1", "crm-delivery-attempted";
    /// The CRM's record says what became of the ticket since.
    CrmRecordUpdated(CrmRecordUpdated) = "hub.ticket.crm-record-updated.v1", "crm-record-updated";
    /// The CRM no longer holds the ticket's record.
    CrmRecordLost(CrmRecordLost) = "hub.ticket.crm-record-lost.v1", "crm-record-lost";
    /// Somebody takes care of the ticket.
    Assigned(TicketAssigned) = "hub.ticket.assigned.v1", "assigned";
    /// Somebody said something about it.
    Commented(TicketCommented) = "hub.ticket.commented.v1", "commented";
    /// It is solved.
    Resolved(TicketResolved) = "hub.ticket.resolved.v1", "resolved";
    /// It is worked on again.
    Reopened(TicketReopened) = "hub.ticket.reopened.v1", "reopened";
    /// Nobody works on it any more.
    Closed(TicketClosed) = "hub.ticket.closed.v1", "closed";
    /// The requester agrees that it is solved.
    ResolutionConfirmed(ResolutionConfirmed) = "hub.ticket.resolution-confirmed.v1", "resolution-confirmed";
    /// Somebody knows better than the analyzer.
    AnalysisCorrected(AnalysisCorrected) = "hub.ticket.analysis-corrected.v1", "analysis-corrected";
    /// A recording that came with the ticket was written down.
    Transcribed(TicketTranscribed) = "hub.ticket.transcribed.v1", "transcribed";
    /// The analyzer read a comment.
    CommentAnalyzed(CommentAnalyzed) = "hub.ticket.comment-analyzed.v1", "comment-analyzed";
    /// Another model answers from here on. No fact of a ticket: its stream is [`crate::TicketId::HUB`].
    ModelPromoted(Box<ModelPromoted>) = "hub.model.promoted.v1", "model-promoted";
}

/// Why stored bytes could not be read as an event.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Written by a newer build.
    #[error("unknown event type {0}")]
    UnknownType(String),
    /// The bytes do not fit the type they claim.
    #[error("malformed data of {type_name}")]
    Malformed {
        /// The storage name.
        type_name: &'static str,
        /// What serde found. Its text may quote values: never log it.
        source: serde_json::Error,
    },
}

/// Who hands in the ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Requester {
    /// Keyed hash of the e-mail address.
    pub id: RequesterId,
    /// Full name.
    pub name: Sealed<String>,
    /// E-mail address.
    pub email: Sealed<String>,
}

/// A file that came with the ticket. The bytes are kept outside the event, found by their hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attachment {
    /// What it is for: `audio`.
    pub kind: String,
    /// By content, not by the sender's word.
    pub media_type: String,
    /// Length in bytes.
    pub bytes: u64,
    /// SHA-256 of the bytes, hexadecimal.
    pub sha256: String,
}

/// A requester handed in a ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketSubmitted {
    /// Who.
    pub requester: Requester,
    /// What the requester picked on the form.
    pub request_type: String,
    /// The text, 20 to 2000 characters.
    pub description: Sealed<String>,
    /// What came with it.
    pub attachments: Vec<Attachment>,
}

/// The analyzer's answer.
pub type TicketAnalyzed = SealedAnalysis;

/// The analyzer gave up on a ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AnalysisFailed {
    /// Why, without quoting the ticket.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u32,
}

/// A recording that came with the ticket was written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TicketTranscribed {
    /// Which recording: the SHA-256 of the attachment.
    pub sha256: String,
    /// What is said in it.
    pub text: Sealed<String>,
    /// What wrote it down: the program or service, with its model where it names one.
    pub engine: String,
    /// How long that took, milliseconds.
    pub duration_ms: u32,
}

/// The analyzer read a comment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CommentAnalyzed {
    /// The event of the comment.
    pub comment_id: EventId,
    /// The attitude its writer expresses.
    pub sentiment: Mood,
    /// What answered.
    pub model: ModelRef,
}

/// How a CRM record came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CrmOutcome {
    /// The CRM confirmed the insert.
    Posted,
    /// The answer was lost; a look-up found the record.
    Found,
    /// The CRM refused a second record; the first one counts.
    Duplicate,
}

/// The CRM holds the ticket's one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrmRecordCreated {
    /// Which system: `zoho`, `webhook`.
    pub system: String,
    /// The CRM's own id of the record.
    pub record_id: String,
    /// How it came to be known.
    pub how: CrmOutcome,
    /// How many requests carried the ticket.
    pub attempts: u32,
    /// The delivery batch it landed with.
    pub batch: String,
}

/// The CRM would not take the ticket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrmDeliveryParked {
    /// Which system: `zoho`, `webhook`.
    pub system: String,
    /// Why: the CRM's code and our reading of it, without quoting the ticket.
    pub reason: String,
    /// How many requests carried the ticket.
    pub attempts: u32,
}

/// A request carried the ticket and left no record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CrmDeliveryAttempted {
    /// Which system: `zoho`, `webhook`.
    pub system: String,
    /// The delivery batch of the request.
    pub batch: String,
    /// Which request it was, from 1.
    pub attempt: u32,
    /// What is known of it, without quoting the ticket.
    pub reason: String,
}

/// The CRM's record says what became of the ticket since.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrmRecordUpdated {
    /// Which system: `zoho`, `webhook`.
    pub system: String,
    /// The CRM's own id of the record.
    pub record_id: String,
    /// The record says everything up to this event.
    pub through: Position,
    /// How many requests it took.
    pub attempts: u32,
}

/// The CRM no longer holds the record: somebody deleted it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CrmRecordLost {
    /// Which system: `zoho`.
    pub system: String,
    /// The id the record had.
    pub record_id: String,
    /// Who noticed: `reconciliation`, `update`.
    pub noticed: String,
}
