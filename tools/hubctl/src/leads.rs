//! Who leads a stage; and where nobody does, why, as far as the database knows.

use sqlx::PgPool;
use subscription::halts::{self, Halt};

use crate::{
    diagnosis::{self, Leader},
    view::age,
};

/// What is known about the leaders of stages.
pub(crate) struct Leads {
    leaders: Vec<Leader>,
    halts: Vec<Halt>,
    processes: Vec<String>,
}

impl Leads {
    /// Asks about the stages of these names.
    pub(crate) async fn ask(pool: &PgPool, stages: &[String]) -> anyhow::Result<Self> {
        Ok(Self {
            leaders: diagnosis::leaders(pool, stages).await?,
            halts: halts::fresh(pool).await?,
            processes: diagnosis::processes(pool).await?,
        })
    }

    /// What an operator should know about one of them.
    pub(crate) fn of(&self, stage: &str) -> String {
        let halt = self.halts.iter().find(|halt| halt.stage == stage);
        let halted = halt.map(|Halt { reason, ago_s, .. }| format!("halted {} ago: {reason}", age(*ago_s)));
        match (self.leader(stage), halted) {
            (Some(leader), Some(halted)) => format!("{leader}, {halted}"),
            (Some(leader), None) => leader,
            (None, Some(halted)) => format!("{halted} (it tries again by itself)"),
            (None, None) => self.nobody(stage),
        }
    }

    fn leader(&self, stage: &str) -> Option<String> {
        let leader = self.leaders.iter().find(|leader| leader.stage == stage)?;
        let application = leader.application.as_deref().unwrap_or("unnamed");
        let since = leader.open_s.map(|open| format!(" for {}", age(open))).unwrap_or_default();
        Some(format!("led by {application} (session {}{since})", leader.pid))
    }

    fn nobody(&self, stage: &str) -> String {
        match process_of(stage).filter(|process| self.processes.iter().any(|running| running == process)) {
            Some(process) => format!("led by nobody, although {process} is running: its /health says why"),
            None => "led by nobody: is its process running?".to_owned(),
        }
    }
}

/// The name for the database of the process that leads a stage.
fn process_of(stage: &str) -> Option<&'static str> {
    match stage {
        "relay" => Some("command-api"),
        "analyzer" | "transcriber" => Some("analyzer-worker"),
        _ if stage.starts_with("projector") => Some("projector"),
        _ if stage.starts_with("crm") => Some("crm-sink"),
        _ => None,
    }
}
