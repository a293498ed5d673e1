//! Which part of the log is meant.

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use event_store::read::Selection;
use schemas::{Position, TicketEvent, TicketId};

/// The flags that choose events.
#[derive(clap::Args)]
pub(crate) struct Filter {
    /// Only events of this type: `submitted`, `analyzed` … or the full name; may be given several times
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events of this ticket (`tkt_…`)
    #[arg(long)]
    ticket: Option<TicketId>,
    /// From this position or time (RFC 3339) on
    #[arg(long, value_name = "PLACE", value_parser = place)]
    from: Option<Place>,
    /// Up to this position or time (RFC 3339), it included
    #[arg(long, value_name = "PLACE", value_parser = place)]
    to: Option<Place>,
}

/// A place in the log.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    Position(Position),
    Time(DateTime<Utc>),
}

fn place(text: &str) -> anyhow::Result<Place> {
    if let Ok(position) = text.parse() {
        return Ok(Place::Position(Position(position)));
    }
    let time = DateTime::parse_from_rfc3339(text)
        .context("neither a position nor a time like 2026-11-21T09:00:00Z")?;
    Ok(Place::Time(time.to_utc()))
}

impl Filter {
    /// What to select, after which position, and up to which one; `head` is the log's.
    pub(crate) fn read(&self, head: Position) -> anyhow::Result<(Selection, Position, Position)> {
        let mut selection = Selection { ticket: self.ticket, ..Selection::default() };
        if !self.types.is_empty() {
            selection.types =
                Some(self.types.iter().map(|given| type_name(given)).collect::<Result<_, _>>()?);
        }
        let (mut after, mut through) = (Position::START, head);
        match self.from {
            Some(Place::Position(first)) => after = Position((first.0 - 1).max(0)),
            Some(Place::Time(time)) => selection.since = Some(time),
            None => {}
        }
        match self.to {
            Some(Place::Position(last)) => through = last.min(head),
            Some(Place::Time(time)) => selection.until = Some(time),
            None => {}
        }
        Ok((selection, after, through))
    }
}

/// The storage name, from itself or from its short form.
fn type_name(given: &str) -> anyhow::Result<String> {
    let known = TicketEvent::TYPES.iter().find(|(name, token)| given == *name || given == *token);
    let tokens = || TicketEvent::TYPES.iter().map(|(_, token)| *token).collect::<Vec<_>>().join(", ");
    known
        .map(|(name, _)| (*name).to_owned())
        .with_context(|| format!("no type {given}; there are {}", tokens()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_position_or_a_time() {
        assert_eq!(place("17").unwrap(), Place::Position(Position(17)));
        let time = "2026-11-21T09:00:00Z".parse().unwrap();
        assert_eq!(place("2026-11-21T10:00:00+01:00").unwrap(), Place::Time(time));
        assert!(place("yesterday").is_err());
    }

    #[test]
    fn a_type_has_a_long_and_a_short_name() {
        assert_eq!(type_name("submitted").unwrap(), "hub.ticket.submitted.v1");
        assert_eq!(type_name("hub.ticket.submitted.v1").unwrap(), "hub.ticket.submitted.v1");
        assert!(type_name("shredded").unwrap_err().to_string().contains("analyzed"));
    }
}
