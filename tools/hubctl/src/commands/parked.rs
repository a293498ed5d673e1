//! `hubctl parked`.

use anyhow::Context as _;
use schemas::{Position, TicketId};
use sqlx::PgPool;
use subscription::parked::{self, Exception, Filter};

use crate::backbone::Database;

#[derive(clap::Subcommand)]
pub(crate) enum Args {
    /// Show what is parked, the oldest first
    List {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        chosen: Chosen,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: i64,
    },
    /// Show one event with its envelope; personal data in it is ciphertext
    Show {
        #[command(flatten)]
        database: Database,
        /// The event's position
        position: i64,
    },
    /// Let the stages try again, at once
    Retry {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        chosen: Chosen,
        /// At most so many, the oldest first
        #[arg(long)]
        limit: Option<i64>,
        /// Only show what would be tried again
        #[arg(long)]
        dry_run: bool,
    },
    /// Leave events undone for good; who decided it and why is kept
    Discard {
        #[command(flatten)]
        database: Database,
        #[command(flatten)]
        chosen: Chosen,
        /// At most so many, the oldest first
        #[arg(long)]
        limit: Option<i64>,
        /// Only show what would be discarded
        #[arg(long)]
        dry_run: bool,
        /// Why they may stay undone
        #[arg(long)]
        note: String,
        /// Who decides
        #[arg(long, env = "USER")]
        by: String,
        /// Without it nothing is done
        #[arg(long)]
        yes: bool,
    },
}

/// The flags that choose events.
#[derive(clap::Args)]
pub(crate) struct Chosen {
    /// Only of this stage: `analyzer`, `crm-sink` …
    #[arg(long)]
    stage: Option<String>,
    /// Only of this ticket (`tkt_…`)
    #[arg(long)]
    ticket: Option<TicketId>,
    /// Only at this position
    #[arg(long)]
    position: Option<i64>,
    /// Only those whose reason contains this text
    #[arg(long)]
    reason: Option<String>,
    /// Those too that wait for a retry, or behind a parked event of their ticket
    #[arg(long)]
    waiting: bool,
}

impl Chosen {
    fn filter(self, limit: Option<i64>) -> Filter {
        Filter {
            stage: self.stage,
            ticket: self.ticket,
            position: self.position.map(Position),
            reason: self.reason,
            waiting: self.waiting,
            limit,
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args {
        Args::List { database, chosen, limit } => {
            show_all(&parked::list(&database.pool()?, &chosen.filter(Some(limit))).await?);
        }
        Args::Show { database, position } => show(&database, Position(position)).await?,
        Args::Retry { database, chosen, limit, dry_run } => {
            let (pool, filter) = (database.pool()?, chosen.filter(limit));
            if dry_run {
                return preview(&pool, &filter, "would be tried again").await;
            }
            println!("{} events are due now", parked::retry(&pool, &filter).await?);
        }
        Args::Discard { database, chosen, limit, dry_run, note, by, yes } => {
            let (pool, filter) = (database.pool()?, chosen.filter(limit));
            anyhow::ensure!(!note.trim().is_empty(), "the note says nothing");
            if dry_run {
                return preview(&pool, &filter, "would be discarded").await;
            }
            anyhow::ensure!(yes, "nothing done: discarding is for good; look with --dry-run, then add --yes");
            println!("{} events discarded", parked::discard(&pool, &filter, &by, &note).await?);
        }
    }
    Ok(())
}

async fn preview(pool: &PgPool, filter: &Filter, what: &str) -> anyhow::Result<()> {
    let found = parked::list(pool, filter).await?;
    show_all(&found);
    println!("{} events {what}", found.len());
    Ok(())
}

async fn show(database: &Database, position: Position) -> anyhow::Result<()> {
    let filter = Filter { position: Some(position), waiting: true, ..Filter::default() };
    let store = database.store().await?;
    let found = parked::list(store.pool(), &filter).await?;
    anyhow::ensure!(!found.is_empty(), "no stage has an unfinished event at position {position}");
    show_all(&found);
    let events = store.read_positions(&[position]).await?;
    let event = events.first().context("the log has no event there")?;
    println!("{}", serde_json::to_string_pretty(event)?);
    Ok(())
}

fn show_all(exceptions: &[Exception]) {
    for exception in exceptions {
        println!("{}", line(exception));
    }
    if exceptions.is_empty() {
        println!("nothing");
    }
}

fn line(exception: &Exception) -> String {
    let Exception { stage, position, ticket, attempts, due_at, reason, updated_at } = exception;
    let state = due_at.map_or_else(
        || format!("parked {}", updated_at.format("%F %T")),
        |due| format!("due {}", due.format("%F %T")),
    );
    format!("#{position}  {stage}  {ticket}  {state}  attempts {attempts}  {reason}")
}
