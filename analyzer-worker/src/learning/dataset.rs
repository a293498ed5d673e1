//! The labelled tickets: JSON lines in the training folder.

use std::{collections::HashSet, fs, path::Path};

use anyhow::{Context as _, bail, ensure};
use schemas::analysis::{Emotion, Priority, Sentiment};
use serde::Deserialize;

use crate::labels::{CATEGORIES, ENTITIES, KINDS, MOODS, PRIORITIES, Question, ROUTES};

/// A ticket with the answers a person gave.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// Unique name; it alone decides whether the ticket is held out.
    pub id: String,
    /// What the form says, wrong about one time in five.
    pub request_type: String,
    /// The text.
    pub description: String,
    /// Who has to act.
    pub category: String,
    /// Impact times urgency.
    pub priority: Priority,
    /// What the writer wants.
    pub kind: String,
    /// The attitude.
    pub sentiment: Sentiment,
    /// The dominant emotion.
    pub emotion: Emotion,
    /// 1 to 10.
    pub urgency: u8,
    /// The support channel.
    pub route: String,
    /// What the text names.
    pub entities: Vec<LabelledSpan>,
    /// One sentence.
    pub summary: String,
}

/// A substring of the text and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledSpan {
    /// The exact substring.
    pub text: String,
    /// One of the entity labels.
    pub label: String,
}

impl Example {
    /// The right answer as an index into the question's labels.
    ///
    /// # Errors
    /// The label is not in the closed set.
    pub fn answer(&self, question: Question) -> anyhow::Result<usize> {
        let index = match question {
            Question::Category => CATEGORIES.iter().position(|&l| l == self.category),
            Question::Priority => PRIORITIES.iter().position(|&l| l == self.priority),
            Question::Kind => KINDS.iter().position(|&l| l == self.kind),
            Question::Mood => {
                MOODS.iter().position(|m| (m.sentiment, m.emotion) == (self.sentiment, self.emotion))
            }
            Question::Route => ROUTES.iter().position(|&l| l == self.route),
        };
        index.with_context(|| format!("{}: {} has an unknown label", self.id, question.name()))
    }

    fn check(&self) -> anyhow::Result<()> {
        for question in Question::ALL {
            self.answer(question)?;
        }
        ensure!((1..=10).contains(&self.urgency), "{}: urgency is not 1 to 10", self.id);
        for entity in &self.entities {
            ensure!(ENTITIES.contains(&entity.label.as_str()), "{}: unknown entity label", self.id);
            ensure!(self.description.contains(&entity.text), "{}: an entity is no substring", self.id);
        }
        Ok(())
    }
}

/// Reads every `.jsonl` file of a folder, checks every label, and sorts by id.
pub fn load(dir: &Path) -> anyhow::Result<Vec<Example>> {
    let mut examples = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "jsonl") {
            examples.extend(read(&path)?);
        }
    }
    examples.sort_by(|a, b| a.id.cmp(&b.id));
    let ids: HashSet<_> = examples.iter().map(|example| &example.id).collect();
    ensure!(ids.len() == examples.len(), "{} holds an id twice", dir.display());
    if examples.is_empty() {
        bail!("{} holds no labelled tickets (*.jsonl)", dir.display());
    }
    Ok(examples)
}

/// Reads one file of labelled tickets and checks every label.
pub fn read(path: &Path) -> anyhow::Result<Vec<Example>> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| parse(line).with_context(|| format!("{}:{}", path.display(), index + 1)))
        .collect()
}

/// Tickets that are there to judge by, other than the part of the training folder that is held out.
pub fn load_set_apart(dir: &Path) -> anyhow::Result<Vec<Example>> {
    if dir.is_dir() { load(dir) } else { Ok(Vec::new()) }
}

/// # Errors
/// A ticket to learn from is also one to judge by.
pub fn ensure_disjoint(learn_from: &[Example], judge_by: &[Example]) -> anyhow::Result<()> {
    let judging = contents(judge_by);
    match learn_from.iter().find(|example| judging.contains(&content(&example.description))) {
        Some(example) => bail!("{} is set apart for judging and must not be learned from", example.id),
        None => Ok(()),
    }
}

/// Those of the tickets whose texts none of the others has.
#[must_use]
pub fn not_among(examples: Vec<Example>, others: &[Example]) -> Vec<Example> {
    let others = contents(others);
    examples.into_iter().filter(|example| !others.contains(&content(&example.description))).collect()
}

fn contents(examples: &[Example]) -> HashSet<String> {
    examples.iter().map(|example| content(&example.description)).collect()
}

/// A text without what a copy may change.
#[must_use]
pub fn content(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

fn parse(line: &str) -> anyhow::Result<Example> {
    let example: Example = serde_json::from_str(line)?;
    example.check()?;
    Ok(example)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"id":"net-001","request_type":"Network","description":"srv-1 is off","category":"Network",
        "priority":"High","kind":"urgent","sentiment":"neutral","emotion":"none","urgency":7,"route":"live-chat",
        "entities":[{"text":"srv-1","label":"HOST"}],"summary":"srv-1 is off."}"#;

    #[test]
    fn a_label_outside_of_its_set_is_refused() {
        assert!(parse(LINE).is_ok());
        for (from, to) in
            [("live-chat", "fax"), ("\"none\"", "\"joy\""), ("HOST", "SHIP"), ("urgent", "dire")]
        {
            assert!(parse(&LINE.replace(from, to)).is_err(), "{to} passed");
        }
    }

    #[test]
    fn a_ticket_set_apart_is_not_learned_from() {
        let set_apart = [parse(LINE).unwrap()];
        let other = Example { description: "srv-1 is on".to_owned(), ..set_apart[0].clone() };
        assert!(ensure_disjoint(&[other], &set_apart).is_ok());
        let copy = Example {
            id: "net-002".to_owned(),
            description: "Srv-1  IS OFF!".to_owned(),
            ..set_apart[0].clone()
        };
        assert!(ensure_disjoint(&[copy], &set_apart).is_err());
    }

    #[test]
    fn an_entity_that_the_text_does_not_contain_is_refused() {
        assert!(parse(&LINE.replace("\"text\":\"srv-1\"", "\"text\":\"srv-2\"")).is_err());
    }
}
