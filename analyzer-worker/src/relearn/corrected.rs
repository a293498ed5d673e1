//! The log to labelled tickets: those in which somebody corrected an answer. What a person changed is right by definition;
//! what they let stand beside it counts as right too. Language, summary and entities are no decisions of the heads: who
//! corrected nothing else taught them nothing. The file is in clear text: its folder is private and short-lived.
//!
//! Anybody may send a text that is set apart for judging, and the log never forgets it: such tickets are left out.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs::File,
    io::Write as _,
    path::Path,
};

use anyhow::Context as _;
use event_store::{EventStore, PersonalKeys, personal_keys::KeyError, read::Selection};
use schemas::{
    Envelope, Position, TicketEvent, TicketId, Version,
    analysis::{Emotion, Entity, Priority, Sentiment},
    work::{Decided, Decision},
};
use serde_json::{Value, json};

use crate::{
    labels::MOODS,
    learning::{
        dataset::{Example, content},
        split,
    },
    ticket_text::{UnreadableTicket, of_stream},
};

/// Name of the file they are written to.
pub(super) const FILE: &str = "corrected.jsonl";
/// Positions looked at in one statement.
const WINDOW: i64 = 10_000;

/// How many corrected tickets there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Corrected {
    /// Written.
    pub(super) written: usize,
    /// Left out, because their text is set apart for judging.
    pub(super) set_apart: usize,
}

/// Texts that have their place already, normalised.
pub(super) struct Placed {
    set_apart: HashSet<String>,
    /// With the id that decides about the side.
    labelled: HashMap<String, String>,
}

impl Placed {
    pub(super) fn new(labelled: &[Example], set_apart: &[Example]) -> Self {
        Self {
            set_apart: set_apart.iter().map(|example| content(&example.description)).collect(),
            labelled: labelled.iter().map(|e| (content(&e.description), e.id.clone())).collect(),
        }
    }

    /// The id for a ticket of the log with this text; none where the text must not be learned from.
    fn id(&self, description: &str, ticket: TicketId) -> Option<String> {
        let text = content(description);
        if self.set_apart.contains(&text) {
            return None;
        }
        let deciding = self.labelled.get(&text).cloned().unwrap_or_else(|| split::id_of_text(&text));
        Some(split::id_beside(&deciding, ticket))
    }
}

/// Writes the corrected tickets up to `until` into `folder` and says how many they are.
pub(super) async fn write(
    store: &EventStore,
    keys: &PersonalKeys,
    until: Position,
    placed: &Placed,
    folder: &Path,
) -> anyhow::Result<Corrected> {
    let mut file = File::create(folder.join(FILE)).context("writing the corrected tickets")?;
    let mut corrected = Corrected::default();
    for ticket in corrected_tickets(store, until).await? {
        let stream = store.read_stream(ticket, Version::NONE).await?;
        let past: Vec<_> = stream.into_iter().take_while(|event| event.position <= until).collect();
        match example(keys, &past).await {
            Ok(Some((description, mut example))) => match placed.id(&description, ticket) {
                Some(id) => {
                    example["id"] = id.into();
                    writeln!(file, "{example}")?;
                    corrected.written += 1;
                }
                None => corrected.set_apart += 1,
            },
            // Nothing for the heads in it, or erased: it is not learned from.
            Ok(None) | Err(UnreadableTicket::Keys(KeyError::Erased(_))) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(corrected)
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

/// A text with its line of the training data, still without an id; none where the ticket has no answer by a model, or
/// nobody corrected what a head decides.
async fn example(
    keys: &PersonalKeys,
    past: &[Envelope],
) -> Result<Option<(String, Value)>, UnreadableTicket> {
    let (mut answer, mut corrections) = (None, BTreeMap::new());
    for event in past {
        match event.event()? {
            TicketEvent::Analyzed(analyzed) if !analyzed.degraded => answer = Some((event.id, analyzed)),
            TicketEvent::AnalysisCorrected(correction) => {
                let learned = correction.decision().filter(|(field, _)| *field != Decision::Language);
                corrections.extend(learned.map(|(field, to)| (field, to.clone())));
            }
            _ => {}
        }
    }
    let Some((id, answer)) = answer.filter(|_| !corrections.is_empty()) else { return Ok(None) };
    let text = of_stream(keys, past).await?.request;
    let entities = keys.open_sealed(&answer.entities, id, "entities").await?;
    let summary = keys.open_sealed(&answer.summary, id, "summary").await?;
    let label = |decision| corrections.get(&decision).cloned().unwrap_or_else(|| answer.decided(decision));
    let example = json!({
        "request_type": text.request_type,
        "entities": labelled(&entities, &text.description),
        "description": text.description,
        "category": label(Decision::Category),
        "priority": label(Decision::Priority),
        "kind": label(Decision::Kind),
        "sentiment": label(Decision::Sentiment),
        "emotion": emotion(&label(Decision::Emotion), &label(Decision::Sentiment)),
        "urgency": urgency(&label(Decision::Urgency), &label(Decision::Priority)),
        "route": label(Decision::Route),
        "summary": summary,
    });
    Ok(Some((text.description, example)))
}

fn labelled(entities: &[Entity], description: &str) -> Vec<Value> {
    let is_there = |entity: &&Entity| description.contains(&entity.text);
    entities.iter().filter(is_there).map(|e| json!({ "text": e.text, "label": e.label })).collect()
}

/// The emotion, or the mildest where it does not fit a corrected sentiment.
fn emotion(emotion: &Decided, sentiment: &Decided) -> Emotion {
    let is = |decided: &Decided, name: &str| matches!(decided, Decided::Label(label) if label == name);
    let mut moods = MOODS.iter().filter(|mood| is(sentiment, mood.sentiment.name()));
    if let Some(mood) = moods.find(|mood| is(emotion, mood.emotion.name())) {
        return mood.emotion;
    }
    if is(sentiment, Sentiment::Positive.name()) { Emotion::Satisfaction } else { Emotion::None }
}

/// The urgency, moved to where it fits a corrected priority.
fn urgency(urgency: &Decided, priority: &Decided) -> u8 {
    let level = if let Decided::Level(level) = urgency { *level } else { 5 };
    let is = |known: &Priority| *priority == Decided::Label(known.name().to_owned());
    let range = Priority::ALL.into_iter().find(is).map(crate::labels::urgency_range);
    range.map_or(level, |(least, most)| level.clamp(least, most))
}

#[cfg(test)]
mod tests {
    use ulid::Ulid;

    use super::*;

    fn labelled(id: &str, description: &str) -> Example {
        let line = json!({
            "id": id, "request_type": "General", "description": description, "category": "Network",
            "priority": "Low", "kind": "technical", "sentiment": "neutral", "emotion": "none", "urgency": 2,
            "route": "live-chat", "entities": [], "summary": description,
        });
        serde_json::from_value(line).unwrap()
    }

    #[test]
    fn an_emotion_fits_its_sentiment() {
        let label = |name: &str| Decided::Label(name.to_owned());
        for (sentiment, named, learned) in [
            ("negative", "anger", Emotion::Anger),
            ("negative", "joy", Emotion::None),
            ("positive", "joy", Emotion::Joy),
            ("positive", "anger", Emotion::Satisfaction),
            ("neutral", "anger", Emotion::None),
        ] {
            assert_eq!(emotion(&label(named), &label(sentiment)), learned, "{sentiment}, {named}");
        }
    }

    #[test]
    fn a_text_is_on_the_side_where_it_is_already() {
        let placed = Placed::new(
            &[labelled("net-001", "The switch is dark."), labelled("net-003", "The dock is dead.")],
            &[labelled("apart-1", "The phone is mute.")],
        );
        let id = |text: &str| placed.id(text, TicketId::new(Ulid::generate()));
        let is_held_out = |text: &str| split::is_held_out(&id(text).unwrap());
        assert_eq!(id("the PHONE  is mute!"), None);
        assert!(!is_held_out("the switch is dark") && is_held_out("The dock is dead!"));
        assert_ne!(id("Nobody sent this before."), id("Nobody sent this before."), "ids are unique");
    }
}
