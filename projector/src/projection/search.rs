//! The words of tickets, for full-text search: a projection of its own, because taking text apart costs more than all the
//! rest of the read model. It follows the tickets and never overtakes them: whoever catches up needs the tickets first.

use std::collections::BTreeMap;

use event_store::{KeyRing, PersonalKeys};
use schemas::{
    Envelope, Position, TicketEvent, Version,
    event::{AnalysisCorrected, TicketSubmitted},
    work::{Decided, Decision},
};
use sqlx::PgConnection;
use subscription::{Progress, Projection};

use super::fact::{self, Fact};
use crate::{personal::open_with, queries::timed};

/// Name of the stage: its checkpoint, its durable consumer and its leadership lock.
pub const STAGE: &str = "projector-search";

/// The projection behind `projector.search`.
#[derive(Clone, Debug)]
pub struct Search {
    keys: PersonalKeys,
    tickets: Progress,
}

/// Languages told of tickets, as far as nobody knows better.
type Languages = BTreeMap<String, String>;

/// Rows to add, by column.
#[derive(Default)]
struct Texts {
    numbers: Vec<i64>,
    tickets: Vec<String>,
    contents: Vec<String>,
}

impl Search {
    /// The projection, which finds personal data as long as `keys` open it, behind the tickets as `tickets` tells of them.
    #[must_use]
    pub const fn new(keys: PersonalKeys, tickets: Progress) -> Self {
        Self { keys, tickets }
    }
}

/// What is searched: the requester's own words; nothing of somebody who was erased. Postgres' parser keeps an address in
/// one piece.
pub(crate) fn content(name: Option<&str>, email: Option<&str>, description: Option<&str>) -> Option<String> {
    let parts: Vec<_> = [name, email, description].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn opened(ring: &KeyRing, event: &Envelope, data: &TicketSubmitted) -> Option<String> {
    let name = open_with(ring, event.id, "name", &data.requester.name);
    let email = open_with(ring, event.id, "email", &data.requester.email);
    let description = open_with(ring, event.id, "description", &data.description);
    content(name.as_deref(), email.as_deref(), description.as_deref())
}

impl Projection for Search {
    async fn apply(&self, connection: &mut PgConnection, events: &[Envelope]) -> anyhow::Result<()> {
        let facts = fact::read(events)?;
        let ring = fact::ring(&self.keys, &facts).await?;
        let mut texts = Texts::default();
        let (mut found, mut corrected) = (Languages::new(), Languages::new());
        let mut reread = vec![];
        for Fact { event, says } in &facts {
            match says {
                Some(TicketEvent::Submitted(data)) => {
                    if let Some(content) = opened(&ring, event, data) {
                        texts.numbers.push(event.position.0);
                        texts.tickets.push(event.subject.to_string());
                        texts.contents.push(content);
                    }
                }
                Some(TicketEvent::Analyzed(data)) => {
                    found.insert(event.subject.to_string(), data.language.clone());
                    if event.version > FIRST_ANALYSIS {
                        reread.push(event.subject.to_string());
                    }
                }
                Some(TicketEvent::AnalysisCorrected(data)) => {
                    corrected.extend(language(data).map(|to| (event.subject.to_string(), to)));
                }
                _ => {}
            }
        }
        add(connection, &texts).await?;
        let through = events.last().map_or(Position::START, |event| event.position);
        found.extend(corrected_before(connection, &reread, through).await?);
        found.extend(corrected);
        tell_languages(connection, found).await
    }

    async fn may_apply(&self, through: Position) {
        self.tickets.reached(through).await;
    }
}

/// Nobody can have corrected an analysis that follows the submission at once.
const FIRST_ANALYSIS: Version = Version(2);

/// What it corrects the language to.
fn language(data: &AnalysisCorrected) -> Option<String> {
    match data.decision()? {
        (Decision::Language, Decided::Label(language)) => Some(language.clone()),
        _ => None,
    }
}

/// What people corrected the languages of tickets to up to a position, by the timeline, which is ahead: a person's word
/// outlasts a later analysis.
async fn corrected_before(
    connection: &mut PgConnection,
    tickets: &[String],
    through: Position,
) -> anyhow::Result<Languages> {
    if tickets.is_empty() {
        return Ok(Languages::new());
    }
    let query = sqlx::query!(
        r#"select distinct on (ticket_id) ticket_id, details ->> 'to' as "language!"
           from projector.timeline
           where ticket_id = any($1) and type = 'hub.ticket.analysis-corrected.v1' and position <= $2
             and details ->> 'field' = 'language' and details ->> 'to' is not null
           order by ticket_id, version desc"#,
        tickets,
        through.0,
    );
    let rows = timed("select", "timeline", query.fetch_all(connection)).await?;
    Ok(rows.into_iter().map(|row| (row.ticket_id, row.language)).collect())
}

async fn add(connection: &mut PgConnection, texts: &Texts) -> anyhow::Result<()> {
    if texts.numbers.is_empty() {
        return Ok(());
    }
    let query = sqlx::query!(
        "insert into projector.search (number, ticket_id, words)
         select number, ticket_id, to_tsvector('simple', content)
         from unnest($1::bigint[], $2::text[], $3::text[]) new (number, ticket_id, content)
         on conflict do nothing",
        &texts.numbers,
        &texts.tickets,
        &texts.contents,
    );
    timed("insert", "search", query.execute(connection)).await?;
    Ok(())
}

/// The language told last counts; the stems of an earlier one go.
async fn tell_languages(connection: &mut PgConnection, languages: Languages) -> anyhow::Result<()> {
    if languages.is_empty() {
        return Ok(());
    }
    let (tickets, languages): (Vec<_>, Vec<_>) = languages.into_iter().unzip();
    let query = sqlx::query!(
        "update projector.search
         set stems_of = told.language, words = projector.with_stems(told.language, words)
         from unnest($1::text[], $2::text[]) told (ticket, language)
         where ticket_id = told.ticket and stems_of is distinct from told.language",
        &tickets,
        &languages,
    );
    timed("update", "search", query.execute(connection)).await?;
    Ok(())
}
