//! A ticket as the log tells it, with its sealed fields opened: what a record is built from, at the moment it is sent.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use event_store::{EventStore, PersonalKeys, StoreError, personal_keys::KeyError};
use schemas::{
    Analysis, Envelope, EventId, Position, Sealed, TicketEvent, TicketId, Version,
    analysis::{Emotion, Entity, Priority, SealedAnalysis, Sentiment},
    event::{CrmRecordCreated, DecodeError, TicketSubmitted},
    work::{Change, Decided, Decision, Reading},
};

/// A ticket in clear text, as far as others are told about it. No `Debug`: it is personal data.
#[derive(Clone)]
pub struct Facts {
    /// Which ticket.
    pub ticket: TicketId,
    /// Full name of the requester.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// What the requester picked.
    pub request_type: String,
    /// The text.
    pub description: String,
    /// The analyzer's answer, where it had one, with what people corrected.
    pub analysis: Option<Analysis>,
    /// Where the ticket stands: `open`, `resolved`, `closed`.
    pub status: &'static str,
    /// Who takes care of it.
    pub assignee: Option<String>,
    /// The newest event behind these facts: an update from an older one must never overwrite the record.
    pub position: Position,
    /// When that happened.
    pub at: DateTime<Utc>,
}

/// What the log says about delivering a ticket.
pub enum Dossier {
    /// To be delivered.
    Deliver(Box<Facts>),
    /// The log holds its record already: the work list was rebuilt, or is older than the log.
    Delivered(CrmRecordCreated),
    /// It cannot be delivered, ever. The reason is one of ours.
    Undeliverable(&'static str),
}

/// Why the log could not be asked; asking again may work.
#[derive(Debug, thiserror::Error)]
pub enum DossierError {
    /// The log.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keys.
    #[error(transparent)]
    Keys(KeyError),
}

/// The events that count, still sealed.
struct Sheet {
    submitted: Option<(EventId, TicketSubmitted)>,
    analyzed: Option<(EventId, Box<SealedAnalysis>)>,
    corrected: Corrected,
    status: &'static str,
    assignee: Option<String>,
    delivered: Option<CrmRecordCreated>,
    position: Position,
    at: DateTime<Utc>,
}

/// What people said since, with the events that said it where it is sealed.
#[derive(Default)]
struct Corrected {
    decisions: BTreeMap<Decision, Decided>,
    summary: Option<(EventId, Sealed<String>)>,
    entities: Option<(EventId, Sealed<Vec<Entity>>)>,
}

impl Dossier {
    /// Reads a ticket that `system` is to be told of for the first time.
    ///
    /// # Errors
    /// As [`DossierError`].
    pub async fn read(
        store: &EventStore,
        keys: &PersonalKeys,
        ticket: TicketId,
        system: &str,
    ) -> Result<Self, DossierError> {
        let Ok(mut sheet) = Sheet::of(store.read_stream(ticket, Version::NONE).await?, system) else {
            return Ok(Self::Undeliverable(UNREADABLE));
        };
        match sheet.delivered.take() {
            Some(record) => Ok(Self::Delivered(record)),
            None => sheet.opened(ticket, keys).await,
        }
    }

    /// Reads a ticket as it is now, delivered or not.
    ///
    /// # Errors
    /// As [`DossierError`].
    pub async fn latest(
        store: &EventStore,
        keys: &PersonalKeys,
        ticket: TicketId,
    ) -> Result<Self, DossierError> {
        match Sheet::of(store.read_stream(ticket, Version::NONE).await?, "") {
            Ok(sheet) => sheet.opened(ticket, keys).await,
            Err(_) => Ok(Self::Undeliverable(UNREADABLE)),
        }
    }
}

const UNREADABLE: &str = "an event of the ticket cannot be read";

impl Sheet {
    /// The latest analysis wins: the domain lets no worse one follow a better one. A person's word outlasts both.
    fn of(stream: Vec<Envelope>, system: &str) -> Result<Self, DecodeError> {
        let mut sheet = Self::blank();
        for envelope in stream {
            (sheet.position, sheet.at) = (envelope.position, envelope.time);
            match envelope.event() {
                Ok(event) => sheet.note(envelope.id, event, system),
                Err(DecodeError::UnknownType(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sheet)
    }

    fn blank() -> Self {
        Self {
            submitted: None,
            analyzed: None,
            corrected: Corrected::default(),
            status: ticket::state::Status::default().name(),
            assignee: None,
            delivered: None,
            position: Position::START,
            at: DateTime::UNIX_EPOCH,
        }
    }

    fn note(&mut self, id: EventId, event: TicketEvent, system: &str) {
        use ticket::state::Status;
        match event {
            TicketEvent::Submitted(submitted) => self.submitted = Some((id, submitted)),
            TicketEvent::Analyzed(analyzed) => self.analyzed = Some((id, analyzed)),
            TicketEvent::AnalysisCorrected(correction) => self.corrected.note(id, correction.change),
            TicketEvent::Assigned(assigned) => self.assignee = Some(assigned.assignee),
            TicketEvent::Resolved(_) => self.status = Status::Resolved.name(),
            TicketEvent::Reopened(_) => self.status = Status::Open.name(),
            TicketEvent::Closed(_) => self.status = Status::Closed.name(),
            TicketEvent::CrmRecordCreated(record) if record.system == system => self.delivered = Some(record),
            TicketEvent::CrmRecordLost(lost) if lost.system == system => self.delivered = None,
            _ => {}
        }
    }

    async fn opened(self, ticket: TicketId, keys: &PersonalKeys) -> Result<Dossier, DossierError> {
        match self.open(ticket, keys).await {
            Ok(Some(facts)) => Ok(Dossier::Deliver(Box::new(facts))),
            Ok(None) => Ok(Dossier::Undeliverable("the ticket was never submitted")),
            Err(KeyError::Erased(_)) => Ok(Dossier::Undeliverable("the requester was erased")),
            Err(KeyError::CannotOpen(_)) => Ok(Dossier::Undeliverable("a sealed field does not open")),
            Err(error) => Err(DossierError::Keys(error)),
        }
    }

    async fn open(self, ticket: TicketId, keys: &PersonalKeys) -> Result<Option<Facts>, KeyError> {
        let Some((id, submitted)) = self.submitted else { return Ok(None) };
        let analysis = match self.analyzed {
            Some((id, sealed)) => Some(self.corrected.open(keys, id, *sealed).await?),
            None => None,
        };
        Ok(Some(Facts {
            ticket,
            name: keys.open_sealed(&submitted.requester.name, id, "name").await?,
            email: keys.open_sealed(&submitted.requester.email, id, "email").await?,
            request_type: submitted.request_type,
            description: keys.open_sealed(&submitted.description, id, "description").await?,
            analysis,
            status: self.status,
            assignee: self.assignee,
            position: self.position,
            at: self.at,
        }))
    }
}

impl Corrected {
    fn note(&mut self, id: EventId, change: Change) {
        match change {
            Change::Decision { field, to, .. } => {
                self.decisions.insert(field, to);
            }
            Change::Reading(Reading::Summary(sealed)) => self.summary = Some((id, sealed)),
            Change::Reading(Reading::Entities(sealed)) => self.entities = Some((id, sealed)),
        }
    }

    /// The analysis that `id` recorded, as far as nobody knew better.
    async fn open(
        self,
        keys: &PersonalKeys,
        id: EventId,
        sealed: SealedAnalysis,
    ) -> Result<Analysis, KeyError> {
        let summary = match &self.summary {
            Some((id, corrected)) => keys.open_sealed(corrected, *id, Reading::MEMBER).await?,
            None => keys.open_sealed(&sealed.summary, id, "summary").await?,
        };
        let entities = match &self.entities {
            Some((id, corrected)) => keys.open_sealed(corrected, *id, Reading::MEMBER).await?,
            None => keys.open_sealed(&sealed.entities, id, "entities").await?,
        };
        let mut analysis = sealed.with_personal(entities, summary);
        self.decisions.into_iter().for_each(|(field, to)| correct(&mut analysis, field, to));
        Ok(analysis)
    }
}

/// The domain lets no label into the log that is not one of its own; one that is none all the same changes nothing.
fn correct(analysis: &mut Analysis, field: Decision, to: Decided) {
    match (field, to) {
        (Decision::Urgency, Decided::Level(level)) => analysis.urgency = level,
        (Decision::Category, Decided::Label(label)) => analysis.category.label = label,
        (Decision::Kind, Decided::Label(label)) => analysis.kind.label = label,
        (Decision::Route, Decided::Label(label)) => analysis.route.label = label,
        (Decision::Language, Decided::Label(label)) => analysis.language = label,
        (Decision::Priority, Decided::Label(label)) => {
            let known = Priority::ALL.into_iter().find(|known| known.name() == label);
            analysis.priority.label = known.unwrap_or(analysis.priority.label);
        }
        (Decision::Sentiment, Decided::Label(label)) => {
            let known = Sentiment::ALL.into_iter().find(|known| known.name() == label);
            analysis.sentiment.label = known.unwrap_or(analysis.sentiment.label);
        }
        (Decision::Emotion, Decided::Label(label)) => {
            let known = Emotion::ALL.into_iter().find(|known| known.name() == label);
            analysis.sentiment.emotion = known.unwrap_or(analysis.sentiment.emotion);
        }
        (Decision::Urgency, Decided::Label(_)) | (_, Decided::Level(_)) => {}
    }
}
