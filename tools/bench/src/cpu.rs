//! Who used the processors: with everything on one machine, that is what a rate is made of.

use std::fs;

/// Linux counts in hundredths of a second, whatever the kernel's own clock is.
const TICKS: f64 = 100.0;

/// Processor seconds used so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    /// By the hub's program.
    pub hub: f64,
    /// By Postgres with all its backends.
    pub postgres: f64,
    /// By nats-server.
    pub nats: f64,
    /// By this program, which makes the load.
    pub load: f64,
    /// By everything on the machine.
    pub machine: f64,
}

/// Whom to ask about.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// The hub's program; nobody's before it runs.
    pub hub: Option<u32>,
    /// The postmaster.
    pub postgres: u32,
    /// nats-server.
    pub nats: u32,
}

impl Meter {
    /// What was used until now.
    pub fn read(self) -> Used {
        Used {
            hub: self.hub.map_or(0.0, of_process),
            postgres: of_process(self.postgres) + children(self.postgres).map(of_process).sum::<f64>(),
            nats: of_process(self.nats),
            load: of_process(std::process::id()),
            machine: of_machine(),
        }
    }
}

impl Used {
    /// What was used since `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            hub: self.hub - earlier.hub,
            postgres: self.postgres - earlier.postgres,
            nats: self.nats - earlier.nats,
            load: self.load - earlier.load,
            machine: self.machine - earlier.machine,
        }
    }

    /// By programs that are none of ours.
    pub fn others(self) -> f64 {
        (self.machine - self.hub - self.postgres - self.nats - self.load).max(0.0)
    }

    /// Microseconds of each for one of `count` operations.
    pub fn per_operation(self, count: usize) -> String {
        let micros = |seconds: f64| seconds * 1e6 / count.max(1) as f64;
        format!(
            "µs of processor: hub {:.0}, Postgres {:.0}, NATS {:.0}, load {:.0}",
            micros(self.hub),
            micros(self.postgres),
            micros(self.nats),
            micros(self.load)
        )
    }
}

/// Its own time and that of children it has waited for; pgbench counts as load that way.
fn of_process(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name, in parentheses, may hold spaces; the 14th to 17th fields are the times.
    let Some((_, fields)) = stat.rsplit_once(')') else { return 0.0 };
    let ticks: f64 = fields.split_whitespace().skip(11).take(4).filter_map(|n| n.parse::<f64>().ok()).sum();
    ticks / TICKS
}

fn children(parent: u32) -> impl Iterator<Item = u32> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let list = fs::read_to_string(path).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>().into_iter()
}

fn of_machine() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let fields: Vec<f64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(1)
        .filter_map(|n| n.parse().ok())
        .collect();
    // All but idle and waiting for the disk.
    let busy = fields.iter().enumerate().filter(|(i, _)| !matches!(i, 3 | 4)).map(|(_, ticks)| ticks);
    busy.sum::<f64>() / TICKS
}
