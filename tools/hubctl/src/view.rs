//! What things look like on a terminal.

use std::{fmt::Write as _, path::Path};

use console::style;
use indicatif::{ProgressBar, ProgressStyle};
use local_stack::Stack;

use crate::hub_client::{Hop, Journey, Ticket};

/// A ticket that is still travelling, in one line.
pub(crate) fn under_way(ticket: &Ticket) -> String {
    let stage = match (&ticket.category, &ticket.crm.record_id) {
        (None, _) => "waiting for its analysis",
        (Some(_), None) => "analyzed, on its way to the CRM",
        (Some(_), Some(_)) => "arrived",
    };
    format!("#{} {} {stage}", ticket.number, ticket.id)
}

/// A ticket with its analysis, its CRM record and its hops.
pub(crate) fn arrived(ticket: &Ticket, journey: &Journey) -> String {
    let unknown = || "-".to_owned();
    let of = |field: &Option<String>| field.clone().unwrap_or_else(unknown);
    let mut text = format!(
        "{} {}  form: {}  →  {} · {} · {} · {}{}\n",
        style(format!("#{}", ticket.number)).bold(),
        style(&ticket.id).dim(),
        ticket.request_type,
        style(of(&ticket.category)).cyan(),
        style(of(&ticket.priority)).yellow(),
        of(&ticket.sentiment),
        of(&ticket.route),
        if ticket.needs_review == Some(true) { " · needs review" } else { "" },
    );
    // Writing to a String cannot fail.
    let _ = writeln!(text, "   “{}”", of(&ticket.summary));
    let record = match (&ticket.crm.system, &ticket.crm.record_id) {
        (Some(system), Some(id)) => style(format!("{system} record {id}")).green().to_string(),
        _ => style(format!("CRM: {}", ticket.crm.status)).red().to_string(),
    };
    let hops: Vec<_> = journey
        .hops
        .iter()
        .skip(1)
        .map(|hop| format!("{} +{}", hop.name, duration(hop.since_previous_ms)))
        .collect();
    let _ = write!(text, "   {record}   {} (total {})", hops.join("  "), total(journey));
    text
}

/// One hop of a journey.
pub(crate) fn hop(hop: &Hop) -> String {
    format!(
        "{:>6}  {:<22} {}  +{:<8} {:<8}  {}",
        style(format!("#{}", hop.position)).dim(),
        style(&hop.name).cyan(),
        hop.at,
        duration(hop.since_previous_ms),
        style(duration(hop.since_submit_ms)).dim(),
        what_happened(hop),
    )
}

/// What matters of a hop, in a few words.
fn what_happened(hop: &Hop) -> String {
    let of = |pointer: &str| match hop.details.as_ref().and_then(|details| details.pointer(pointer)) {
        Some(serde_json::Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    match hop.name.as_str() {
        "submitted" => format!("form: {}", of("/requestType")),
        "analyzed" => format!(
            "{} · {} · {} · {} ({} in {} ms)",
            of("/category/label"),
            of("/priority/label"),
            of("/sentiment/label"),
            of("/route/label"),
            of("/model/name"),
            of("/durationMs"),
        ),
        "crm-record-created" => {
            format!("{} record {} ({}, batch {})", of("/system"), of("/recordId"), of("/how"), of("/batch"))
        }
        "crm-delivery-attempted" => {
            format!(
                "{} attempt {}: {} (batch {})",
                of("/system"),
                of("/attempt"),
                of("/reason"),
                of("/batch")
            )
        }
        "crm-record-updated" => {
            format!("{} record {} says all up to #{}", of("/system"), of("/recordId"), of("/through"))
        }
        "crm-record-lost" => {
            format!("{} record {} is gone, noticed by {}", of("/system"), of("/recordId"), of("/noticed"))
        }
        "crm-delivery-parked" | "analysis-failed" => of("/reason"),
        _ => String::new(),
    }
}

/// How a journey ends, or stands.
pub(crate) fn outcome(journey: &Journey) -> String {
    if journey.complete { format!("complete after {}", total(journey)) } else { "still under way".to_owned() }
}

fn total(journey: &Journey) -> String {
    let so_far = journey.hops.last().map_or(0.0, |hop| hop.since_submit_ms);
    duration(journey.total_ms.unwrap_or(so_far))
}

fn duration(ms: f64) -> String {
    if ms < 1000.0 { format!("{ms:.0} ms") } else { format!("{:.2} s", ms / 1000.0) }
}

/// Where to go from here.
pub(crate) fn urls(stack: &Stack, data_dir: &Path) -> String {
    let ports = stack.ports();
    let nats = stack.nats_url();
    format!(
        "the hub             {hub}/api/tickets
statistics          {hub}/api/tickets/stats/summary
analyze a text      http://127.0.0.1:{analyzer}/analyze
CRM backlog         http://127.0.0.1:{crm}/health
Zoho mock, records  http://127.0.0.1:{zoho}/__mock/records?by=Ticket_ID
the log             psql \"postgres://hub:$(cat {password})@127.0.0.1:{postgres}/hub\"
the bus             nats --server {nats} stream view TICKETS
logs                {logs}

Ctrl-C stops everything; the data stays for the next run.",
        hub = stack.url(),
        analyzer = ports.analyzer,
        crm = ports.crm_sink,
        zoho = ports.zoho_mock,
        password = data_dir.join("postgres.password").display(),
        postgres = ports.postgres,
        logs = data_dir.join("logs").display(),
    )
}

/// A bar for work whose length is known, drawn on standard error when that is a terminal.
pub(crate) fn progress(doing: &'static str) -> ProgressBar {
    let template = "{prefix} {wide_bar} {human_pos}/{human_len} {per_sec} {eta}";
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(0).with_prefix(doing).with_style(style)
}

/// A duration, roughly.
pub(crate) fn age(seconds: f64) -> String {
    match seconds.max(0.0) as u64 {
        seconds @ 0..=119 => format!("{seconds} s"),
        seconds @ 120..=7199 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}
