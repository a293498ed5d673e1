//! Bodies and criteria.

use schemas::TicketId;
use serde::Serialize;
use serde_json::value::RawValue;

use super::record::{DELIVERY_BATCH, TICKET_ID};

/// Records of one request; Creator refuses more with 3950.
pub const MAX_RECORDS: usize = 200;
/// Bytes of records in one request: far below any gateway's limit, so that long texts cannot make a batch fail.
pub const MAX_BYTES: usize = 1_000_000;
/// Tickets in one criteria: keeps the address below 2 KB, the shortest limit that is in use anywhere.
pub const MAX_CRITERIA: usize = 20;

/// The columns a look-up asks for.
pub const COLUMNS: &str = "ID,Ticket_ID,Delivery_Batch";

/// The body of Add Records. Always a list, so that the answer comes item by item.
#[derive(Serialize)]
pub struct AddRecords<'a> {
    data: &'a [Box<RawValue>],
    result: Echo,
}

#[derive(Serialize)]
struct Echo {
    fields: [&'static str; 1],
    message: bool,
    tasks: bool,
}

impl<'a> AddRecords<'a> {
    /// Adds these records and asks for each one's ticket beside its ID.
    #[must_use]
    pub const fn new(data: &'a [Box<RawValue>]) -> Self {
        Self { data, result: Echo { fields: [TICKET_ID], message: false, tasks: false } }
    }
}

/// Every record of a batch.
#[must_use]
pub fn of_batch(batch: &str) -> String {
    format!("({})", equals(DELIVERY_BATCH, batch))
}

/// Every record of these tickets.
#[must_use]
pub fn of_tickets(tickets: &[TicketId]) -> String {
    let parts: Vec<_> = tickets.iter().map(|ticket| equals(TICKET_ID, &ticket.to_string())).collect();
    format!("({})", parts.join(" || "))
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
        assert_eq!(of_batch(r#"x" || "a\" == "#), r#"(Delivery_Batch == "x\" || \"a\\\" == ")"#);
    }

    #[test]
    fn twenty_tickets_fit_into_one_address() {
        let criteria = of_tickets(&vec![TicketId::new(ulid::Ulid::max()); MAX_CRITERIA]);
        let url = reqwest::Url::parse_with_params("https://www.zohoapis.com.au/", [("criteria", criteria)]);
        assert!(url.unwrap().as_str().len() < 1800);
    }
}
