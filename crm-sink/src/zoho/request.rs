//! Bodies and criteria.

use schemas::TicketId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    mapping::{Item, Mapping},
    settings::Workflow,
};

/// Records of one request; Creator refuses more with 3950.
pub const MAX_RECORDS: usize = 200;

/// The columns a look-up asks for.
#[must_use]
pub fn columns(mapping: &Mapping) -> String {
    format!("ID,{},{}", mapping.needed(Item::TicketId), mapping.needed(Item::DeliveryBatch))
}

/// The body of Add Records. Always a list, so that the answer comes item by item.
#[derive(Serialize)]
pub struct AddRecords<'a> {
    data: Vec<&'a RawValue>,
    result: Echo<'a>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    skip_workflow: &'a [Workflow],
}

/// The body of an update of one record.
#[derive(Serialize)]
pub struct UpdateRecord<'a> {
    data: &'a RawValue,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    skip_workflow: &'a [Workflow],
}

#[derive(Serialize)]
struct Echo<'a> {
    fields: [&'a str; 1],
    message: bool,
    tasks: bool,
}

impl<'a> AddRecords<'a> {
    /// Adds these records and asks for each one's ticket beside its ID.
    #[must_use]
    pub fn new(mapping: &'a Mapping, data: Vec<&'a RawValue>, skip_workflow: &'a [Workflow]) -> Self {
        let fields = [mapping.needed(Item::TicketId)];
        Self { data, result: Echo { fields, message: false, tasks: false }, skip_workflow }
    }
}

impl<'a> UpdateRecord<'a> {
    /// Makes a record say this.
    #[must_use]
    pub const fn new(data: &'a RawValue, skip_workflow: &'a [Workflow]) -> Self {
        Self { data, skip_workflow }
    }
}

/// Every record of a batch.
#[must_use]
pub fn of_batch(mapping: &Mapping, batch: &str) -> String {
    format!("({})", equals(mapping.needed(Item::DeliveryBatch), batch))
}

/// Every record of these tickets.
#[must_use]
pub fn of_tickets(mapping: &Mapping, tickets: &[TicketId]) -> String {
    let field = mapping.needed(Item::TicketId);
    let parts: Vec<_> = tickets.iter().map(|ticket| equals(field, &ticket.to_string())).collect();
    format!("({})", parts.join(" || "))
}

/// Every record added on that day or later, as the application words dates: `21-Nov-2026`.
#[must_use]
pub fn since(day: &str) -> String {
    format!("(Added_Time >= '{day}')")
}

fn equals(field: &str, value: &str) -> String {
    let escaped = value.replace('\\', r"\\").replace('"', "\\\"");
    format!("{field} == \"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_break_out_of_its_quotes() {
        assert_eq!(
            of_batch(&Mapping::default(), r#"x" || "a\" == "#),
            r#"(Delivery_Batch == "x\" || \"a\\\" == ")"#
        );
    }

    /// As a parameter of the address it is refused with 1060.
    #[test]
    fn what_is_not_to_be_set_off_stands_in_the_body_and_nowhere_else() {
        let (mapping, record) = (Mapping::default(), serde_json::value::to_raw_value("r").unwrap());
        let add = |skip: &[Workflow]| {
            serde_json::to_string(&AddRecords::new(&mapping, vec![&record], skip)).unwrap()
        };
        let echo = r#""result":{"fields":["Ticket_ID"],"message":false,"tasks":false}"#;
        assert_eq!(add(&[]), format!(r#"{{"data":["r"],{echo}}}"#));
        let skip = [Workflow::FormWorkflow, Workflow::Schedules];
        assert_eq!(
            add(&skip),
            format!(r#"{{"data":["r"],{echo},"skip_workflow":["form_workflow","schedules"]}}"#)
        );
        let update = serde_json::to_string(&UpdateRecord::new(&record, &[Workflow::All])).unwrap();
        assert_eq!(update, r#"{"data":"r","skip_workflow":["all"]}"#);
    }

    #[test]
    fn twenty_tickets_fit_into_one_address() {
        let criteria = of_tickets(
            &Mapping::default(),
            &vec![TicketId::new(ulid::Ulid::max()); crate::queue::MAX_SOUGHT],
        );
        let url = reqwest::Url::parse_with_params("https://www.zohoapis.com.au/", [("criteria", criteria)]);
        assert!(url.unwrap().as_str().len() < 1800);
    }
}
