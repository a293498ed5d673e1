//! `hubctl why-stuck`: what holds whom. Names, places, counts and times; no content of tickets.

use event_bus::publish::Tail;
use event_store::{EventStore, StoreError};
use schemas::{Position, TicketId, Version};
use subscription::parked::{self, Filter};

use crate::{
    backbone::Backbone,
    diagnosis::{self, StageState},
    leads::Leads,
    view::age,
};

/// The relay has no checkpoint: where it stands is where the bus ends.
const RELAY: &str = "relay";
/// Exceptions shown of a ticket.
const SHOWN: i64 = 20;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    backbone: Backbone,
    /// One ticket (`tkt_…`): what holds it
    ticket: Option<TicketId>,
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let store = args.backbone.store().await?;
    let head = store.head().await?;
    let stages = diagnosis::stages(store.pool()).await?;
    println!("the log ends at position {head}");
    bus(&args.backbone, &store, head).await?;
    leaders_and_stages(&store, &stages, head).await?;
    locks(&store).await?;
    crm(&store).await?;
    match args.ticket {
        Some(ticket) => of_ticket(&store, &stages, ticket).await,
        None => Ok(()),
    }
}

/// A bus that is away is an answer too.
async fn bus(backbone: &Backbone, store: &EventStore, head: Position) -> anyhow::Result<()> {
    let tail = match backbone.bus().await {
        Ok(bus) => bus.tail().await.map_err(anyhow::Error::from),
        Err(error) => Err(error),
    };
    match tail {
        Ok(tail) if !is_of_this_log(store, tail).await? => println!(
            "the bus ends at position {} with an event that this log does not hold there: the stream belongs to another \
             log, or this log was restored from a backup; the relay waits for `hubctl bus rebuild`",
            tail.position
        ),
        Ok(tail) if tail.position < head => {
            let behind = head.0 - tail.position.0;
            println!(
                "the bus ends at position {}, {behind} behind: the relay is slow, halted or away",
                tail.position
            );
        }
        // The log may have grown since its end was read.
        Ok(_) => println!("the bus ends there too"),
        Err(error) => {
            println!("the bus does not say where it ends, stages read the log meanwhile: {error:#}");
        }
    }
    Ok(())
}

/// As the relay asks before it publishes.
async fn is_of_this_log(store: &EventStore, tail: Tail) -> Result<bool, StoreError> {
    let held = store.read_positions(&[tail.position]).await?;
    Ok(held.first().map(|event| event.id) == tail.id)
}

async fn leaders_and_stages(store: &EventStore, stages: &[StageState], head: Position) -> anyhow::Result<()> {
    let mut names: Vec<_> = stages.iter().map(|stage| stage.name.clone()).collect();
    names.push(RELAY.to_owned());
    let leads = Leads::ask(store.pool(), &names).await?;
    println!("\n{RELAY}: {}", leads.of(RELAY));
    for stage in stages {
        show(stage, head, &leads.of(&stage.name));
    }
    Ok(())
}

fn show(stage: &StageState, head: Position, leader: &str) {
    let StageState { name, position, attempts, idle_s, parked, waiting } = stage;
    let lag = head.0 - position;
    println!("{name}: at position {position}, {lag} behind, {leader}");
    if lag > 0 {
        println!("  last moved or tried {} ago", age(*idle_s));
    }
    if *attempts > 0 {
        println!("  {attempts} attempts at what comes next: it is slow, or ends the process");
    }
    if *parked > 0 {
        println!("  {parked} events parked (`hubctl parked list --stage {name}`)");
    }
    if *waiting > 0 {
        println!("  {waiting} events wait for a retry, or behind a parked one of their ticket");
    }
}

async fn locks(store: &EventStore) -> anyhow::Result<()> {
    let waiters = diagnosis::lock_waiters(store.pool()).await?;
    println!();
    if waiters.is_empty() {
        println!("nobody waits for a lock; the log's head is free");
    }
    for waiter in waiters {
        let application = waiter.application.as_deref().unwrap_or("unnamed");
        let since = waiter.open_s.map(age).unwrap_or_default();
        println!("{application} (session {}) waits {since} for a lock of {}", waiter.pid, waiter.blockers);
    }
    Ok(())
}

async fn crm(store: &EventStore) -> anyhow::Result<()> {
    let Some(states) = diagnosis::crm_backlog(store.pool()).await? else { return Ok(()) };
    let lane = crm_sink::lane::lock(crm_sink::zoho::SYSTEM);
    let leads = Leads::ask(store.pool(), std::slice::from_ref(&lane)).await?;
    println!("\n{lane}: {}", leads.of(&lane));
    let standing = crm_sink::operator::standing(store.pool(), crm_sink::zoho::SYSTEM).await?;
    if let Some((by, at, note)) = standing.paused {
        println!("  paused by {by} at {}: {}", at.format("%F %T"), note.unwrap_or_default());
    }
    if let Some((breaker, until, _)) = standing.breaker {
        println!("  breaker {breaker} until {} (`hubctl crm status`)", until.format("%F %T"));
    }
    println!("CRM deliveries by state");
    for (state, count, due) in states {
        let due = due.map(|due| format!(", the earliest due {}", due.format("%F %T"))).unwrap_or_default();
        println!("{count:>10}  {state}{due}");
    }
    Ok(())
}

async fn of_ticket(store: &EventStore, stages: &[StageState], ticket: TicketId) -> anyhow::Result<()> {
    let events = store.read_stream(ticket, Version::NONE).await?;
    println!("\n{ticket}");
    let Some(last) = events.last() else {
        println!("  the log has no such ticket");
        return Ok(());
    };
    for event in &events {
        println!("  #{}  {}  {}", event.position, event.time.format("%F %T%.3f"), event.type_name);
    }
    for stage in stages.iter().filter(|stage| stage.position < last.position.0) {
        println!("  {} has not come to its last event: it is at {}", stage.name, stage.position);
    }
    let filter = Filter { ticket: Some(ticket), waiting: true, limit: Some(SHOWN), ..Filter::default() };
    for held in parked::list(store.pool(), &filter).await? {
        let state = if held.due_at.is_some() { "waits" } else { "parked" };
        println!(
            "  {}: #{} {state} after {} attempts: {}",
            held.stage, held.position, held.attempts, held.reason
        );
    }
    if let Some((state, attempts, reason)) = diagnosis::crm_delivery(store.pool(), ticket).await? {
        println!("  CRM delivery: {state} after {attempts} requests {}", reason.unwrap_or_default());
    }
    Ok(())
}
