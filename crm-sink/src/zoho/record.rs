//! What a ticket looks like as a record of the form. Pure: facts and mapping in, JSON out.

use schemas::analysis::Entity;
use serde_json::{Map, Value, json};

use super::mapping::{Item, Mapping, Target};
use crate::dossier::Facts;

/// The record of a ticket. One that travels in a batch says so; an update leaves out what never changes.
///
/// # Errors
/// Why the ticket cannot become a record, in words of ours.
pub fn record(mapping: &Mapping, facts: &Facts, batch: Option<&str>) -> Result<Map<String, Value>, String> {
    let mut record = Map::new();
    for (item, target) in mapping.iter() {
        if let Some(value) = value(item, target, facts, batch)? {
            record.insert(target.field.clone(), value);
        }
    }
    Ok(record)
}

/// An item's value, none where there is none: what an analysis would have said is left out as a whole for a ticket without
/// one, because a blank is no value of a drop-down.
fn value(item: Item, target: &Target, facts: &Facts, batch: Option<&str>) -> Result<Option<Value>, String> {
    let analysis = facts.analysis.as_ref();
    let line = |text: &str| target.length.map_or(text, |length| cut(text, length)).to_owned();
    let label = |label: &str| Value::from(line(target.called(label)));
    Ok(match item {
        Item::TicketId => batch.map(|_| facts.ticket.to_string().into()),
        Item::DeliveryBatch => batch.map(Value::from),
        Item::Name => Some(name(&facts.name, target.length)),
        Item::Email => Some(email(&facts.email, target.length)?.into()),
        Item::RequestType => Some(label(&facts.request_type)),
        Item::Description => Some(text(&facts.description, target.length).into()),
        Item::Status => Some(label(facts.status)),
        Item::Assignee => facts.assignee.as_deref().map(|assignee| line(assignee).into()),
        // Text: Creator's numbers are shorter than a position may become.
        Item::EventPosition => Some(facts.position.to_string().into()),
        Item::Category => analysis.map(|analysis| label(&analysis.category.label)),
        Item::Priority => analysis.map(|analysis| label(analysis.priority.label.name())),
        Item::Summary => analysis.map(|analysis| line(&analysis.summary).into()),
        Item::Entities => analysis.map(|analysis| json_list(&analysis.entities, target.length).into()),
        Item::Sentiment => analysis.map(|analysis| label(analysis.sentiment.label.name())),
        Item::Kind => analysis.map(|analysis| label(&analysis.kind.label)),
        Item::Urgency => analysis.map(|analysis| analysis.urgency.to_string().into()),
        Item::Route => analysis.map(|analysis| label(&analysis.route.label)),
        Item::Language => analysis.map(|analysis| label(&analysis.language)),
        Item::NeedsReview => analysis.map(|analysis| analysis.needs_review.into()),
    })
}

/// The last word is the last name. A single word is a first name and leaves the last name blank, which Creator takes
/// unless somebody made that part of the field mandatory; then such tickets are parked with `3002 Name`.
fn name(full: &str, length: Option<usize>) -> Value {
    let full = full.trim();
    let (first, last) = full.rsplit_once(char::is_whitespace).unwrap_or((full, ""));
    let first = first.split_whitespace().collect::<Vec<_>>().join(" ");
    let part = |text: &str| length.map_or(text, |length| cut(text, length)).to_owned();
    json!({"first_name": part(&first), "last_name": part(last)})
}

/// Never cut: half an address is a wrong one.
fn email(address: &str, length: Option<usize>) -> Result<&str, String> {
    match length {
        Some(length) if address.chars().count() > length => {
            Err("the e-mail address is longer than the form takes".to_owned())
        }
        _ => Ok(address),
    }
}

/// The longest beginning of at most `max` bytes that ends with a whole character.
fn text(text: &str, max: Option<usize>) -> &str {
    max.map_or(text, |max| &text[..text.floor_char_boundary(max)])
}

/// A JSON list in a string, of as many texts as fit.
fn json_list(entities: &[Entity], max: Option<usize>) -> String {
    let mut bytes = "[]".len();
    let fitting = entities.iter().map(|entity| Value::from(entity.text.as_str())).take_while(|text| {
        bytes += text.to_string().len() + ",".len();
        max.is_none_or(|max| bytes <= max)
    });
    fitting.collect::<Value>().to_string()
}

/// The first `max` characters.
fn cut(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use schemas::{
        Analysis, Position, TicketId,
        analysis::{Choice, Emotion, Emotions, ModelRef, Mood, Priority, Route, Sentiment},
    };

    use super::*;

    fn choice<L>(label: L) -> Choice<L> {
        Choice { label, confidence: 0.9, alternatives: vec![], reasons: vec![] }
    }

    fn entity(text: &str) -> Entity {
        Entity { text: text.into(), label: "HOST".into(), start: 0, end: 1, confidence: 0.9 }
    }

    fn analysis(summary: &str, entities: Vec<Entity>) -> Analysis {
        Analysis {
            category: choice("Network".into()),
            priority: choice(Priority::High),
            kind: choice("technical".into()),
            sentiment: Mood {
                label: Sentiment::Negative,
                confidence: 0.8,
                emotion: Emotion::None,
                emotions: Emotions::default(),
                alternatives: vec![],
                reasons: vec![],
            },
            urgency: 7,
            urgency_reasons: vec![],
            route: Route {
                label: "live-chat".into(),
                confidence: 0.7,
                reasoning: String::new(),
                alternatives: vec![],
            },
            entities,
            summary: summary.into(),
            language: "en".into(),
            needs_review: false,
            degraded: false,
            model: ModelRef { name: "m".into(), revision: "1".into(), sha256: "00".into() },
            own: std::collections::BTreeMap::new(),
            duration_ms: 9,
            embedding: None,
        }
    }

    fn facts(name: &str, analysis: Option<Analysis>) -> Facts {
        Facts {
            ticket: TicketId::new(1.into()),
            name: name.into(),
            email: "john@example.com".into(),
            request_type: "Network".into(),
            description: "Cannot connect to VPN".into(),
            analysis,
            status: "open",
            assignee: Some("desk-2".into()),
            position: Position(42),
            at: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn record(facts: &Facts) -> Value {
        Value::Object(super::record(&Mapping::default(), facts, Some("b_1")).unwrap())
    }

    #[test]
    fn a_ticket_becomes_a_record_of_the_form() {
        let analysis = analysis("VPN connection issue", vec![entity("VPN"), entity("a \"b\"")]);
        let expected = json!({
            "Ticket_ID": TicketId::new(1.into()).to_string(), "Delivery_Batch": "b_1",
            "Name": {"first_name": "John", "last_name": "Doe"}, "Email": "john@example.com",
            "Request_Type": "Network", "Description": "Cannot connect to VPN",
            "Category": "Network", "Priority": "High", "Summary": "VPN connection issue",
            "Entities": r#"["VPN","a \"b\""]"#, "Sentiment": "negative", "Status": "open", "Assignee": "desk-2", "Event_Position": "42",
        });
        assert_eq!(record(&facts("John Doe", Some(analysis))), expected);
    }

    #[test]
    fn an_update_leaves_out_what_never_changes() {
        let facts = facts("John Doe", Some(analysis("s", vec![])));
        let update = super::record(&Mapping::default(), &facts, None).unwrap();
        assert!(update.get("Ticket_ID").is_none() && update.get("Delivery_Batch").is_none());
        assert_eq!((&update["Status"], &update["Event_Position"]), (&json!("open"), &json!("42")));
    }

    #[test]
    fn an_address_is_never_cut() {
        let mapping = serde_json::to_value(Mapping::default()).unwrap();
        let mut mapping = mapping;
        mapping["email"]["length"] = 10.into();
        let mapping: Mapping = serde_json::from_value(mapping).unwrap();
        let refused = super::record(&mapping, &facts("John Doe", None), Some("b_1")).unwrap_err();
        assert_eq!(refused, "the e-mail address is longer than the form takes");
    }

    #[test]
    fn without_an_analysis_its_fields_are_left_out() {
        let record = record(&facts("John Doe", None));
        assert!(record.get("Category").is_none() && record.get("Entities").is_none());
        assert_eq!(record["Description"], "Cannot connect to VPN");
    }

    #[test]
    fn the_last_word_is_the_last_name() {
        for (full, first, last) in [
            ("John Doe", "John", "Doe"),
            ("  Ada   King\tLovelace ", "Ada King", "Lovelace"),
            ("Sukarno", "Sukarno", ""),
            ("李 小龙", "李", "小龙"),
        ] {
            assert_eq!(name(full, None), json!({"first_name": first, "last_name": last}), "{full}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = analysis(&"ü".repeat(300), (0..30_000).map(|_| entity("ü\"")).collect());
        let record = record(&Facts {
            description: "ü".repeat(64 * 1024),
            ..facts(&format!("{} {}", "a".repeat(300), "ß".repeat(300)), Some(long))
        });
        let chars = |value: &Value| value.as_str().unwrap().chars().count();
        assert_eq!((chars(&record["Name"]["first_name"]), chars(&record["Name"]["last_name"])), (225, 225));
        assert_eq!((chars(&record["Summary"]), chars(&record["Description"])), (255, 32 * 1024));
        let entities = record["Entities"].as_str().unwrap();
        assert!(entities.len() <= 64 * 1024);
        assert!(serde_json::from_str::<Vec<String>>(entities).unwrap().len() > 1000);
    }
}
