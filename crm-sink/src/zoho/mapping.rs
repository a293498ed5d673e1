//! Which of our items goes into which field of the form: a JSON file, or these defaults. Read once, checked against the
//! form before anything is sent ([`super::form`]).

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};

/// Something the CRM can be told of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "described in docs/CRM.md, as people write them")]
pub enum Item {
    TicketId,
    DeliveryBatch,
    Name,
    Email,
    RequestType,
    Description,
    Category,
    Priority,
    Summary,
    Entities,
    Sentiment,
    Status,
    Assignee,
    EventPosition,
    Kind,
    Urgency,
    Route,
    Language,
    NeedsReview,
}

impl Item {
    /// Without these nothing can be delivered exactly once.
    const NEEDED: [Self; 3] = [Self::TicketId, Self::DeliveryBatch, Self::EventPosition];

    /// The labels it can take, where it is one of a closed set.
    #[must_use]
    pub fn labels(self) -> Vec<&'static str> {
        use schemas::analysis::{Priority, Sentiment};
        match self {
            Self::Category => ticket::labels::CATEGORIES.to_vec(),
            Self::Priority => Priority::ALL.map(Priority::name).to_vec(),
            Self::Sentiment => Sentiment::ALL.map(Sentiment::name).to_vec(),
            Self::Kind => ticket::labels::KINDS.to_vec(),
            Self::Route => ticket::labels::ROUTES.to_vec(),
            Self::Status => vec!["open", "resolved", "closed"],
            _ => vec![],
        }
    }
}

/// A field of the form, and how a value is put into it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Link name of the field.
    pub field: String,
    /// What is longer is cut: characters, of each part of a name; bytes of description and entities. An e-mail address is
    /// never cut: a ticket with a longer one is parked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<usize>,
    /// What our labels are called there; a label that is not listed keeps its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, String>,
    /// What a label that is not listed is called instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<String>,
}

impl Target {
    fn new(field: &str, length: Option<usize>) -> Self {
        Self { field: field.to_owned(), length, values: BTreeMap::new(), other: None }
    }

    /// What `label` is called in the form.
    #[must_use]
    pub fn called<'a>(&'a self, label: &'a str) -> &'a str {
        self.values.get(label).or(self.other.as_ref()).map_or(label, String::as_str)
    }
}

/// The mapping.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mapping(BTreeMap<Item, Target>);

/// Why a mapping cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MappingError {
    /// The file cannot be read.
    #[error("the mapping file cannot be read")]
    Unreadable(#[from] std::io::Error),
    /// It is no mapping.
    #[error("the mapping file is no mapping: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It lacks something that delivery stands on.
    #[error("the mapping has no field for {0}")]
    Lacking(&'static str),
    /// Two items in one field.
    #[error("the mapping puts two items into the field {0}")]
    Twice(String),
}

/// Creator's default lengths (zoho.com/creator/help, "understand default character length"): characters of a part of a
/// name, characters of a line, bytes of a text.
const NAME_PART: usize = 225;
const LINE: usize = 255;
const TEXT: usize = 64 * 1024;

impl Default for Mapping {
    fn default() -> Self {
        Self(BTreeMap::from([
            (Item::TicketId, Target::new("Ticket_ID", None)),
            (Item::DeliveryBatch, Target::new("Delivery_Batch", None)),
            (Item::Name, Target::new("Name", Some(NAME_PART))),
            (Item::Email, Target::new("Email", None)),
            (Item::RequestType, Target::new("Request_Type", None)),
            (Item::Description, Target::new("Description", Some(TEXT))),
            (Item::Category, Target::new("Category", None)),
            (Item::Priority, Target::new("Priority", None)),
            (Item::Summary, Target::new("Summary", Some(LINE))),
            (Item::Entities, Target::new("Entities", Some(TEXT))),
            (Item::Sentiment, Target::new("Sentiment", None)),
            (Item::Status, Target::new("Status", None)),
            (Item::Assignee, Target::new("Assignee", Some(LINE))),
            (Item::EventPosition, Target::new("Event_Position", None)),
        ]))
    }
}

impl Mapping {
    /// Reads a mapping file; without one, the defaults.
    ///
    /// # Errors
    /// As [`MappingError`].
    pub fn read(file: Option<&Path>) -> Result<Self, MappingError> {
        match file {
            Some(file) => Self::parse(&std::fs::read(file)?),
            None => Ok(Self::default()),
        }
    }

    fn parse(json: &[u8]) -> Result<Self, MappingError> {
        let mapping: Self = serde_json::from_slice(json)?;
        for (item, name) in Item::NEEDED.into_iter().zip(["ticket_id", "delivery_batch", "event_position"]) {
            mapping.get(item).ok_or(MappingError::Lacking(name))?;
        }
        let mut fields: Vec<_> = mapping.fields().collect();
        fields.sort_unstable();
        match fields.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(MappingError::Twice(pair[0].to_owned())),
            None => Ok(mapping),
        }
    }

    /// Where an item goes, if anywhere.
    #[must_use]
    pub fn get(&self, item: Item) -> Option<&Target> {
        self.0.get(&item)
    }

    /// The link name of a needed item's field.
    pub(super) fn needed(&self, item: Item) -> &str {
        debug_assert!(Item::NEEDED.contains(&item));
        self.get(item).map_or("", |target| &target.field)
    }

    /// Every item with its field.
    pub fn iter(&self) -> impl Iterator<Item = (Item, &Target)> {
        self.0.iter().map(|(item, target)| (*item, target))
    }

    /// Link names of all fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(|target| target.field.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_file_is_the_default() {
        let example = Path::new("../examples/zoho-mapping.json");
        assert_eq!(Mapping::read(Some(example)).unwrap(), Mapping::default());
    }

    #[test]
    fn a_file_says_what_is_wrong_with_it() {
        let parse = |json: &str| Mapping::parse(json.as_bytes()).unwrap_err().to_string();
        assert!(parse("{}").contains("no field for ticket_id"));
        assert!(parse(r#"{"colour": {"field": "x"}}"#).contains("unknown variant `colour`"));
        assert!(parse(r#"{"status": {"field": "x", "max": 3}}"#).contains("unknown field `max`"));
        let mut twice = Mapping::default();
        twice.0.insert(Item::Kind, Target::new("Status", None));
        assert!(parse(&serde_json::to_string(&twice).unwrap()).contains("into the field Status"));
    }

    #[test]
    fn a_label_has_the_name_the_form_knows() {
        let target = Target {
            values: BTreeMap::from([("Network".into(), "Netzwerk".into())]),
            ..Target::new("Category", None)
        };
        assert_eq!((target.called("Network"), target.called("Cloud")), ("Netzwerk", "Cloud"));
        let other = Target { other: Some("Sonstiges".into()), ..target };
        assert_eq!((other.called("Network"), other.called("Cloud")), ("Netzwerk", "Sonstiges"));
    }
}
