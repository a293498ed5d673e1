//! What a ticket looks like as a record of the form. Pure; the limits are Creator's defaults
//! (zoho.com/creator/help, "understand default character length").

use schemas::{
    Analysis, Position, TicketId,
    analysis::{Priority, Sentiment},
};
use serde::Serialize;

/// Link name of the field that must be unique and mandatory in the form.
pub const TICKET_ID: &str = "Ticket_ID";
/// Link name of the field that makes one look-up settle a whole batch.
pub const DELIVERY_BATCH: &str = "Delivery_Batch";
/// Link names of all the fields.
pub const FIELDS: [&str; 13] = [
    TICKET_ID,
    DELIVERY_BATCH,
    "Name",
    "Email",
    "Request_Type",
    "Description",
    "Category",
    "Priority",
    "Summary",
    "Entities",
    "Sentiment",
    "Status",
    "Event_Position",
];

/// Characters of a first or last name.
const NAME_PART: usize = 225;
/// Characters of a single line.
const LINE: usize = 255;
/// Bytes of a multi line field.
const TEXT: usize = 64 * 1024;

/// A ticket in clear text, as far as the CRM is told about it. No `Debug`: it is personal data.
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
    /// The analyzer's answer, where it had one.
    pub analysis: Option<Analysis>,
    /// The newest event behind these facts: an update from an older one must never overwrite the record.
    pub position: Position,
}

/// A record of the form. No `Debug`: it is personal data.
#[derive(Serialize)]
pub struct Record {
    #[serde(rename = "Ticket_ID")]
    ticket: TicketId,
    #[serde(rename = "Delivery_Batch")]
    batch: String,
    #[serde(rename = "Name")]
    name: Name,
    #[serde(rename = "Email")]
    email: String,
    #[serde(rename = "Request_Type")]
    request_type: String,
    #[serde(rename = "Description")]
    description: String,
    #[serde(flatten)]
    analyzed: Option<Analyzed>,
    #[serde(rename = "Status")]
    status: &'static str,
    // Text: Creator's numbers are shorter than a position may become.
    #[serde(rename = "Event_Position")]
    position: String,
}

#[derive(Serialize)]
struct Name {
    first_name: String,
    last_name: String,
}

/// Left out as a whole for a ticket whose analysis failed: blank choices are no value of a drop-down.
#[derive(Serialize)]
struct Analyzed {
    #[serde(rename = "Category")]
    category: String,
    #[serde(rename = "Priority")]
    priority: Priority,
    #[serde(rename = "Summary")]
    summary: String,
    #[serde(rename = "Entities")]
    entities: String,
    #[serde(rename = "Sentiment")]
    sentiment: Sentiment,
}

impl Record {
    /// The record of a ticket, to travel in `batch`.
    #[must_use]
    pub fn new(facts: Facts, batch: &str) -> Self {
        Self {
            ticket: facts.ticket,
            batch: batch.to_owned(),
            name: Name::split(&facts.name),
            // Never cut: half an address is a wrong one. The form refuses what is too long for it.
            email: facts.email,
            request_type: facts.request_type,
            description: cut_bytes(&facts.description, TEXT).to_owned(),
            analyzed: facts.analysis.map(Analyzed::new),
            status: "open",
            position: facts.position.to_string(),
        }
    }
}

impl Name {
    /// The last word is the last name. A single word is a first name and leaves the last name blank, which Creator takes
    /// unless somebody made that part of the field mandatory; then such tickets are parked with `3002 Name`.
    fn split(full: &str) -> Self {
        let full = full.trim();
        let (first, last) = full.rsplit_once(char::is_whitespace).unwrap_or((full, ""));
        let words: Vec<_> = first.split_whitespace().collect();
        Self {
            first_name: cut(&words.join(" "), NAME_PART).to_owned(),
            last_name: cut(last, NAME_PART).to_owned(),
        }
    }
}

impl Analyzed {
    fn new(analysis: Analysis) -> Self {
        let entities = analysis.entities.into_iter().map(|entity| entity.text);
        Self {
            category: analysis.category.label,
            priority: analysis.priority.label,
            summary: cut(&analysis.summary, LINE).to_owned(),
            entities: json_list(entities),
            sentiment: analysis.sentiment.label,
        }
    }
}

/// A JSON list in a string, of as many texts as fit.
fn json_list(texts: impl Iterator<Item = String>) -> String {
    let mut bytes = "[]".len();
    let fitting = texts.map(serde_json::Value::from).take_while(|text| {
        bytes += text.to_string().len() + ",".len();
        bytes <= TEXT
    });
    fitting.collect::<serde_json::Value>().to_string()
}

/// The first `max` characters.
fn cut(text: &str, max: usize) -> &str {
    text.char_indices().nth(max).map_or(text, |(end, _)| &text[..end])
}

/// The longest beginning of at most `max` bytes that ends with a whole character.
fn cut_bytes(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

#[cfg(test)]
mod tests {
    use schemas::analysis::{Choice, Emotion, Emotions, Entity, ModelRef, Mood, Route};
    use serde_json::{Value, json};

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
            },
            urgency: 7,
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
            position: Position(42),
        }
    }

    fn record(facts: Facts) -> Value {
        serde_json::to_value(Record::new(facts, "b_1")).unwrap()
    }

    #[test]
    fn a_ticket_becomes_a_record_of_the_form() {
        let analysis = analysis("VPN connection issue", vec![entity("VPN"), entity("a \"b\"")]);
        let expected = json!({
            "Ticket_ID": TicketId::new(1.into()).to_string(), "Delivery_Batch": "b_1",
            "Name": {"first_name": "John", "last_name": "Doe"}, "Email": "john@example.com",
            "Request_Type": "Network", "Description": "Cannot connect to VPN",
            "Category": "Network", "Priority": "High", "Summary": "VPN connection issue",
            "Entities": r#"["VPN","a \"b\""]"#, "Sentiment": "negative", "Status": "open", "Event_Position": "42",
        });
        assert_eq!(record(facts("John Doe", Some(analysis))), expected);
    }

    #[test]
    fn every_field_has_a_link_name_in_the_list() {
        let record = record(facts("John Doe", Some(analysis("s", vec![]))));
        let mut names: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
        let mut fields = FIELDS.to_vec();
        names.sort_unstable();
        fields.sort_unstable();
        assert_eq!(names, fields);
    }

    #[test]
    fn without_an_analysis_its_fields_are_left_out() {
        let record = record(facts("John Doe", None));
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
            let name = Name::split(full);
            assert_eq!((name.first_name.as_str(), name.last_name.as_str()), (first, last), "{full}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        let long = analysis(&"ü".repeat(300), (0..30_000).map(|_| entity("ü\"")).collect());
        let record = record(Facts {
            description: "ü".repeat(TEXT),
            ..facts(&format!("{} {}", "a".repeat(300), "ß".repeat(300)), Some(long))
        });
        let chars = |value: &Value| value.as_str().unwrap().chars().count();
        assert_eq!((chars(&record["Name"]["first_name"]), chars(&record["Name"]["last_name"])), (225, 225));
        assert_eq!((chars(&record["Summary"]), chars(&record["Description"])), (255, TEXT / 2));
        let entities = record["Entities"].as_str().unwrap();
        assert!(entities.len() <= TEXT);
        assert!(serde_json::from_str::<Vec<String>>(entities).unwrap().len() > 1000);
    }
}
