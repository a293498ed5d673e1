//! `hubctl rebuild`: read models made anew from the log, beside the live ones.

use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::{Context as _, ensure};
use event_store::{MasterKeys, PersonalKeys};
use indicatif::ProgressBar;
use projector::{
    projection::contract::{Contract, every, named},
    queries::{log, ticket::TicketKey},
    rebuild::{
        Busy, Ended, Pace, Rebuild, Step, Stopped, Turn,
        digest::{Comparison, Digest},
        place::Place,
    },
};
use schemas::{Position, TicketId};
use tokio_util::sync::CancellationToken;

use crate::{backbone::Database, view};

/// How long to wait for another rebuild; a drift check gives way within seconds.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    database: Database,
    /// File with the master key of personal data
    #[arg(long, env = "HUB_MASTER_KEY_FILE")]
    master_key_file: PathBuf,
    /// Which read model: tickets, timeline (or journey), statistics, requesters, similar, search, or all
    #[arg(default_value = "all", value_parser = parse_projections)]
    projection: Selected,
    /// Only compare it with the live one; ends with 1 when they differ
    #[arg(long, conflicts_with_all = ["ticket", "from", "rollback"])]
    shadow: bool,
    /// Make only this ticket anew (its id or number), in the live read model. Counters and requesters' figures stay as they
    /// are, for they hold differences: `hubctl rebuild statistics` and `hubctl rebuild requesters` make them anew
    #[arg(long, value_name = "TICKET", conflicts_with_all = ["projection", "from", "rollback"])]
    ticket: Option<TicketKey>,
    /// Make only the tickets anew that events from this position on touch, in the live read model. Counters and requesters'
    /// figures stay as they are
    #[arg(long, value_name = "POSITION", value_parser = clap::value_parser!(i64).range(1..),
          allow_negative_numbers = true, conflicts_with_all = ["projection", "rollback"])]
    from: Option<i64>,
    /// Go back to the read models that were live before, with all that happened since: of tickets and of words, each to what
    /// its last exchange replaced
    #[arg(long, conflicts_with = "projection")]
    rollback: bool,
    /// Connections that write at once
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=16))]
    workers: u8,
    /// Work hardly noticed: one connection, a quarter of the time
    #[arg(long, conflicts_with = "workers")]
    gentle: bool,
}

/// At least one projection, by stage.
#[derive(Clone)]
struct Selected(Vec<Vec<&'static Contract>>);

fn parse_projections(name: &str) -> Result<Selected, String> {
    let names = || every().map(|projection| projection.name).collect::<Vec<_>>().join(", ");
    named(name).map(Selected).ok_or_else(|| format!("must be one of {}, journey, all", names()))
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let pool = args.database.pool()?;
    let keys = PersonalKeys::open(pool.clone(), MasterKeys::from_file(&args.master_key_file)?).await?;
    let fast = Pace { workers: args.workers.into(), ..Pace::FAST };
    let stop = CancellationToken::new();
    let rebuild = Rebuild::new(pool, keys, if args.gentle { Pace::GENTLE } else { fast }, stop.clone());
    let _turn = turn(&rebuild).await?;
    tokio::spawn(async move {
        // Without the signal there is nothing to stop for.
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.cancel();
        }
    });
    if args.rollback {
        return roll_back(&rebuild).await;
    }
    if args.ticket.is_some() || args.from.is_some() {
        return part(&rebuild, args.ticket, args.from.map(Position)).await;
    }
    if args.shadow {
        return compare(&rebuild, &args.projection.0).await;
    }
    make(&rebuild, args.projection.0).await
}

async fn turn(rebuild: &Rebuild) -> anyhow::Result<Turn> {
    let waiting = |busy: &Busy| {
        eprintln!(
            "waiting up to {} s for another rebuild on this database: {}",
            PATIENCE.as_secs(),
            busy.who
        );
    };
    rebuild.turn_within(PATIENCE, &waiting).await
}

/// What became live until it was told to stop.
fn stopped(live: &[&'static str], what_next: &str) -> ExitCode {
    if live.is_empty() {
        println!("stopped; the live read model is as it was{what_next}");
    } else {
        println!("stopped; live already: {}; the rest is as it was{what_next}", live.join(", "));
    }
    ExitCode::FAILURE
}

fn names(projections: &[&'static Contract]) -> Vec<&'static str> {
    projections.iter().map(|projection| projection.name).collect()
}

async fn roll_back(rebuild: &Rebuild) -> anyhow::Result<ExitCode> {
    let mut live = vec![];
    for place in [Place::PreviousSearch, Place::Previous] {
        let Some(previous) = rebuild.standing(place).await? else { continue };
        let names = names(&previous.projections);
        let position = match rebuild.exchange(place).await {
            Err(error) if error.is::<Stopped>() => return Ok(stopped(&live, "")),
            ended => ended.with_context(|| format!("rolling back {}", names.join(", ")))?,
        };
        println!("the previous read model is live again, up to position {position}: {}", names.join(", "));
        live.extend(names);
    }
    ensure!(!live.is_empty(), "there is no previous read model to go back to");
    Ok(ExitCode::SUCCESS)
}

async fn part(
    rebuild: &Rebuild,
    ticket: Option<TicketKey>,
    from: Option<Position>,
) -> anyhow::Result<ExitCode> {
    let tickets = match (ticket, from) {
        (Some(ticket), _) => vec![id_of(rebuild, ticket).await?],
        (None, Some(from)) => rebuild.touched_since(from).await?,
        (None, None) => vec![],
    };
    match rebuild.tickets(&tickets).await {
        Err(error) if error.is::<Stopped>() => {
            println!("stopped; some of the tickets are made anew, the others are as they were");
            return Ok(ExitCode::FAILURE);
        }
        ended => ended?,
    }
    let plural = if tickets.len() == 1 { "" } else { "s" };
    println!(
        "made anew: {} ticket{plural}; counters and requesters' figures are as they were: hubctl rebuild statistics and \
         hubctl rebuild requesters make them anew",
        tickets.len()
    );
    Ok(ExitCode::SUCCESS)
}

async fn id_of(rebuild: &Rebuild, ticket: TicketKey) -> anyhow::Result<TicketId> {
    let id = log::ticket_id(rebuild.pool(), ticket).await.context("asking the log for the ticket")?;
    id.with_context(|| format!("the log has no ticket {ticket}"))
}

async fn compare(rebuild: &Rebuild, stages: &[Vec<&'static Contract>]) -> anyhow::Result<ExitCode> {
    let mut ended = ExitCode::SUCCESS;
    for projections in stages {
        let started = Instant::now();
        let bar = view::progress("comparing");
        let compared = rebuild.check(projections, &|step| show(&bar, step)).await;
        bar.finish_and_clear();
        let comparison = match compared {
            Err(error) if error.is::<Stopped>() => {
                println!("stopped; nothing was changed");
                return Ok(ExitCode::FAILURE);
            }
            compared => compared?,
        };
        println!("built and compared in {:.1} s", started.elapsed().as_secs_f64());
        print(&comparison);
        if !comparison.is_equal() {
            ended = ExitCode::FAILURE;
        }
    }
    Ok(ended)
}

async fn make(rebuild: &Rebuild, mut stages: Vec<Vec<&'static Contract>>) -> anyhow::Result<ExitCode> {
    // What was begun goes on first: any other stage would be made in its place.
    let begun = rebuild.standing(Place::Next).await.unwrap_or_default();
    stages.sort_by_key(|projections| begun.as_ref().is_none_or(|begun| begun.projections != *projections));
    let mut live = vec![];
    for projections in &stages {
        match make_live(rebuild, projections).await {
            Err(error) if error.is::<Stopped>() => {
                return Ok(stopped(&live, ", and the next run goes on from here"));
            }
            ended => ended?,
        }
        live.extend(names(projections));
    }
    Ok(ExitCode::SUCCESS)
}

async fn make_live(rebuild: &Rebuild, projections: &[&'static Contract]) -> anyhow::Result<()> {
    let bar = view::progress("rebuilding");
    let made = build_and_compare(rebuild, projections, &bar).await;
    match &made {
        Ok(_) => bar.finish_and_clear(),
        Err(_) => bar.abandon(),
    }
    match made? {
        Ok(comparison) => print(&comparison),
        Err(error) => println!("not compared: {error:#}"),
    }
    let position = rebuild.exchange(Place::Next).await.context("exchanging the read models")?;
    println!("live since position {position}; hubctl rebuild --rollback goes back");
    Ok(())
}

/// A read model that cannot be compared is a whole one still.
async fn build_and_compare(
    rebuild: &Rebuild,
    projections: &[&'static Contract],
    bar: &ProgressBar,
) -> anyhow::Result<anyhow::Result<Comparison>> {
    let started = Instant::now();
    let observe = |step| show(bar, step);
    let Ended::Built(build) = rebuild.build(Place::Next, projections, &observe).await? else {
        return Err(Stopped.into());
    };
    let compared = rebuild.compare(Place::Next, &observe).await;
    if compared.as_ref().is_err_and(anyhow::Error::is::<Stopped>) {
        return Err(Stopped.into());
    }
    let seconds = started.elapsed().as_secs_f64();
    bar.suspend(|| println!("built up to position {} in {seconds:.1} s", build.through));
    Ok(compared)
}

fn show(bar: &ProgressBar, step: Step) {
    match step {
        Step::Portions { done, of } => {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
        }
        Step::Indexes => bar.set_prefix("indexes"),
        Step::CatchUp { at, to } => {
            bar.set_prefix("catching up");
            bar.set_length(to.0 as u64);
            bar.set_position(at.0 as u64);
        }
        Step::Compare => bar.set_prefix("comparing"),
    }
}

fn print(comparison: &Comparison) {
    println!("both at position {}:", comparison.position);
    let of = |digest: &Digest| format!("{} rows, digest {}", digest.rows, digest.sum);
    for compared in &comparison.projections {
        let name = compared.projection.name;
        if compared.live == compared.anew {
            println!("  {name:<12} equal    {}", of(&compared.anew));
        } else {
            println!("  {name:<12} DIFFERS  live {}", of(&compared.live));
            println!("  {:<12}          anew {}", "", of(&compared.anew));
        }
    }
    if !comparison.tickets.is_empty() {
        println!("  differing tickets, the first of them: {}", comparison.tickets.join(", "));
    }
}
