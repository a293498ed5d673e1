//! Where replayed events go.

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use anyhow::Context as _;
use event_bus::{Bus, copy};
use schemas::Envelope;

use super::Target;
use crate::{backbone::Backbone, output::Stdout};

/// An open target.
pub(super) enum Output {
    /// One JSON object a line.
    Lines(BufWriter<Box<dyn Write + Send>>),
    /// NATS.
    Bus { bus: Box<Bus>, target: copy::Target, repeated: usize },
}

impl Output {
    pub(super) async fn open(target: &Target, backbone: &Backbone) -> anyhow::Result<Self> {
        let target = match (&target.to_file, &target.to_subject, &target.to_stream) {
            (Some(file), ..) => return Self::lines(file),
            (_, Some(subject), _) => copy::Target::subject(subject)?,
            (.., Some(name)) => copy::Target::stream(name)?,
            (None, None, None) => anyhow::bail!("no target"),
        };
        let bus = backbone.bus().await?;
        bus.ensure_target(&target).await?;
        Ok(Self::Bus { bus: Box::new(bus), target, repeated: 0 })
    }

    fn lines(file: &str) -> anyhow::Result<Self> {
        let lines: Box<dyn Write + Send> = if file == "-" {
            Box::new(Stdout)
        } else {
            Box::new(File::create_new(file).with_context(|| format!("making the file {file}"))?)
        };
        Ok(Self::Lines(BufWriter::new(lines)))
    }

    pub(super) async fn put(&mut self, events: &[Envelope]) -> anyhow::Result<()> {
        match self {
            Self::Lines(lines) => {
                for event in events {
                    serde_json::to_writer(&mut *lines, event)?;
                    lines.write_all(b"\n")?;
                }
            }
            Self::Bus { bus, target, repeated } => *repeated += bus.copy(target, events).await?,
        }
        Ok(())
    }

    /// Makes sure that everything has arrived; a remark, if there is one to make.
    pub(super) fn finish(self) -> anyhow::Result<String> {
        match self {
            Self::Lines(mut lines) => lines.flush()?,
            Self::Bus { repeated: 0, .. } => {}
            Self::Bus { repeated, .. } => return Ok(format!("; the stream had {repeated} of them already")),
        }
        Ok(String::new())
    }
}
