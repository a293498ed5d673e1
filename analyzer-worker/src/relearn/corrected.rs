//! The log to labelled tickets: those in which somebody corrected an answer. What a person changed is right by definition;
//! what they let stand beside it counts as right too. The file is in clear text: its folder is private and short-lived.

use std::{collections::BTreeMap, fs::File, io::Write as _, path::Path};

use anyhow::Context as _;
use event_store::{EventStore, PersonalKeys, personal_keys::KeyError, read::Selection};
use schemas::{
    Envelope, Position, TicketEvent, TicketId, Version,
    analysis::{Emotion, Entity, Priority, Sentiment},
    event::TicketAnalyzed,
    work::{Decided, Decision},
};
use serde_json::{Value, json};

use crate::ticket_text::{UnreadableTicket, of_stream};

/// Positions looked at in one statement.
const WINDOW: i64 = 10_000;

/// Writes the corrected tickets up to `until` into `folder` and says how many they are.
pub(super) async fn write(
    store: &EventStore,
    keys: &PersonalKeys,
    until: Position,
    folder: &Path,
) -> anyhow::Result<usize> {
    let mut file = File::create(folder.join("corrected.jsonl")).context("writing the corrected tickets")?;
    let mut count = 0;
    for ticket in corrected_tickets(store, until).await? {
        let stream = store.read_stream(ticket, Version::NONE).await?;
        let past: Vec<_> = stream.into_iter().take_while(|event| event.position <= until).collect();
        match example(keys, ticket, &past).await {
            Ok(Some(example)) => {
                writeln!(file, "{example}")?;
                count += 1;
            }
            // Without an answer, or erased: it is not learned from.
            Ok(None) | Err(UnreadableTicket::Keys(KeyError::Erased(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(count)
}

async fn corrected_tickets(store: &EventStore, until: Position) -> anyhow::Result<Vec<TicketId>> {
    let corrections =
        Selection { types: Some(vec!["hub.ticket.analysis-corrected.v1".to_owned()]), ..Default::default() };
    let mut tickets = std::collections::BTreeSet::new();
    let mut after = Position::START;
    while after < until {
        let through = Position((after.0 + WINDOW).min(until.0));
        let found = store.select(&corrections, after, through).await?;
        tickets.extend(found.into_iter().map(|event| event.subject));
        after = through;
    }
    Ok(tickets.into_iter().collect())
}

/// A line of the training data; none where the ticket has no answer by a model.
async fn example(
    keys: &PersonalKeys,
    ticket: TicketId,
    past: &[Envelope],
) -> Result<Option<Value>, UnreadableTicket> {
    let (mut answer, mut corrections) = (None, BTreeMap::new());
    for event in past {
        match event.event()? {
            TicketEvent::Analyzed(analyzed) if !analyzed.degraded => answer = Some((event.id, analyzed)),
            TicketEvent::AnalysisCorrected(correction) => {
                corrections.insert(correction.field, correction.to);
            }
            _ => {}
        }
    }
    let Some((id, answer)) = answer else { return Ok(None) };
    let text = of_stream(keys, past).await?.request;
    let entities = keys.open_sealed(&answer.entities, id, "entities").await?;
    let summary = keys.open_sealed(&answer.summary, id, "summary").await?;
    let label = |decision| corrections.get(&decision).cloned().unwrap_or_else(|| answer.decided(decision));
    Ok(Some(json!({
        "id": ticket,
        "request_type": text.request_type,
        "entities": labelled(&entities, &text.description),
        "description": text.description,
        "category": label(Decision::Category),
        "priority": label(Decision::Priority),
        "kind": label(Decision::Kind),
        "sentiment": label(Decision::Sentiment),
        "emotion": emotion(&answer, &label(Decision::Sentiment)),
        "urgency": urgency(&label(Decision::Urgency), &label(Decision::Priority)),
        "route": label(Decision::Route),
        "summary": summary,
    })))
}

fn labelled(entities: &[Entity], description: &str) -> Vec<Value> {
    let is_there = |entity: &&Entity| description.contains(&entity.text);
    entities.iter().filter(is_there).map(|e| json!({ "text": e.text, "label": e.label })).collect()
}

/// The emotion of the answer, or the mildest that fits a corrected sentiment.
fn emotion(answer: &TicketAnalyzed, sentiment: &Decided) -> Emotion {
    if *sentiment == answer.decided(Decision::Sentiment) {
        return answer.sentiment.emotion;
    }
    let is_positive = *sentiment == Decided::Label(Sentiment::Positive.name().to_owned());
    if is_positive { Emotion::Satisfaction } else { Emotion::None }
}

/// The urgency, moved to where it fits a corrected priority.
fn urgency(urgency: &Decided, priority: &Decided) -> u8 {
    let level = if let Decided::Level(level) = urgency { *level } else { 5 };
    let is = |known: &Priority| *priority == Decided::Label(known.name().to_owned());
    let range = Priority::ALL.into_iter().find(is).map(crate::labels::urgency_range);
    range.map_or(level, |(least, most)| level.clamp(least, most))
}
