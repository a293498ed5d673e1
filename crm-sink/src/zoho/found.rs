//! The rows of a look-up.

use serde_json::Value;

use super::{
    judge::record_id,
    mapping::{Item, Mapping},
};
use crate::destination::{Found, Sighting};

/// The rows of our tickets; `None` where the body is no list of rows, which is not the same as no rows.
#[must_use]
pub fn rows(mapping: &Mapping, body: &Value) -> Option<Vec<Found>> {
    let rows = body["data"].as_array()?;
    Some(rows.iter().filter_map(|found| row(mapping, found)).collect())
}

/// A page, whosever the records are.
#[must_use]
pub fn page(mapping: &Mapping, body: &Value) -> Option<Vec<Sighting>> {
    let sighted = |row: &Value| {
        let ticket = row[mapping.needed(Item::TicketId)].as_str().unwrap_or_default().to_owned();
        Some(Sighting { record_id: record_id(&row["ID"])?, ticket })
    };
    body["data"].as_array()?.iter().map(sighted).collect()
}

fn row(mapping: &Mapping, row: &Value) -> Option<Found> {
    Some(Found {
        ticket: row[mapping.needed(Item::TicketId)].as_str()?.parse().ok()?,
        record_id: record_id(&row["ID"])?,
        batch: row[mapping.needed(Item::DeliveryBatch)]
            .as_str()
            .filter(|text| !text.is_empty())
            .map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use schemas::TicketId;
    use serde_json::json;

    use super::*;

    fn rows(body: &Value) -> Option<Vec<Found>> {
        super::rows(&Mapping::default(), body)
    }

    #[test]
    fn rows_that_are_not_ours_are_left_out() {
        let ticket = TicketId::new(1.into());
        let ours = json!({"ID": "38", "Ticket_ID": ticket.to_string(), "Delivery_Batch": "b_1"});
        let by_hand = json!({"ID": "39", "Ticket_ID": "added by hand"});
        let expected = Found { ticket, record_id: "38".into(), batch: Some("b_1".into()) };
        assert_eq!(rows(&json!({"code": 3000, "data": [ours, by_hand]})).unwrap(), [expected]);
    }

    #[test]
    fn a_body_without_rows_is_no_empty_list() {
        assert_eq!(rows(&json!({"code": 3000})), None);
        assert_eq!(rows(&json!({"code": 3000, "data": {"ID": "38"}})), None);
        assert_eq!(rows(&json!({"code": 3000, "data": []})), Some(vec![]));
    }
}
