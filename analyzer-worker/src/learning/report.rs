//! The evaluation as Markdown, which is also the model card.

use std::fmt::Write as _;

use super::{
    evaluate::{Evaluation, Mistake},
    metrics::{Confusion, all_spans},
};
use crate::labels::Question;

/// Wrong answers shown.
const MISTAKES: usize = 20;

/// The whole report.
#[must_use]
pub fn markdown(evaluation: &Evaluation) -> String {
    let parts = [
        introduction(evaluation),
        format!("## Decisions on the hold-out\n\n{}", decisions(evaluation)),
        alone(evaluation),
        set_apart(evaluation),
        cross_validation(evaluation),
        review(evaluation),
        embeddings(evaluation),
        confusions(evaluation),
        entities(evaluation),
        mistakes(evaluation),
        limits(),
    ];
    parts.join("\n")
}

fn introduction(evaluation: &Evaluation) -> String {
    format!(
        "# Model card: the ticket analyzer\n\n\
         Written by `analyzer-worker evaluate --write docs/MODEL_CARD.md`; train with `analyzer-worker train`.\n\n\
         | | |\n| --- | --- |\n\
         | Encoder | all-MiniLM-L6-v2 with low-rank updates learned for these questions, 256 word pieces |\n\
         | Heads | per question an attention query and a linear layer, one layer of entity tags, one that picks the \
         summary's sentence; revision `{}` |\n\
         | SHA-256 of the heads | `{}` |\n\
         | Learned from | {} labelled tickets |\n\
         | Evaluated on | {} tickets {} |\n",
        evaluation.model.revision,
        evaluation.model.sha256,
        evaluation.trained_on,
        evaluation.held_out,
        evaluation.chosen
    )
}

fn decisions(evaluation: &Evaluation) -> String {
    let mut text = "The baseline takes the category from the form and the priority from alarm words (`critical`, `down`, \
         `broken`, `urgent`, `asap`: High, else Medium). The calibration error is how far confidence and share \
         of right answers are apart.\n\n\
         | question | labels | accuracy | macro F1 | calibration error | baseline accuracy | baseline macro F1 |\n\
         | --- | --- | --- | --- | --- | --- | --- |\n"
        .to_owned();
    for (question, result) in &evaluation.questions {
        let baseline = evaluation.baseline.get(question);
        let baseline = baseline
            .map_or("| ".to_owned(), |b| format!("{} | {}", percent(b.accuracy()), two(b.macro_f1())));
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {baseline} |",
            question.name(),
            question.labels().len(),
            percent(result.confusion.accuracy()),
            two(result.confusion.macro_f1()),
            two(result.calibration_error),
        );
    }
    let kappa = |confusion: Option<&Confusion>| confusion.map_or(0.0, Confusion::quadratic_kappa);
    let priority = evaluation.questions.get(&Question::Priority).map(|result| &result.confusion);
    let _ = writeln!(
        text,
        "\n- Priority: quadratic kappa {} (baseline {}).\n\
         - Category where the form names another one: {} of {} right.\n\
         - Sentiment without emotion: {} right, macro F1 {}.\n\
         - Urgency: off by {} steps of 10 on average.",
        two(kappa(priority)),
        two(kappa(evaluation.baseline.get(&Question::Priority))),
        evaluation.form_wrong.1,
        evaluation.form_wrong.0,
        percent(evaluation.sentiment.accuracy()),
        two(evaluation.sentiment.macro_f1()),
        two(evaluation.urgency_error),
    );
    text
}

/// What another author's tickets show, whose habits of writing and labelling the model has not learned.
fn set_apart(evaluation: &Evaluation) -> String {
    let Some(others) = &evaluation.set_apart else { return String::new() };
    format!(
        "## Decisions on another author's tickets\n\n\
         {} tickets in `analyzer-worker/holdout`, written and labelled by the same guide by somebody who wrote none of \
         the tickets learned from. Nothing was chosen by them, and `train` refuses to learn from them. Few as they are, a \
         share is uncertain by about eight points.\n\n{}\
         - Entities: F1 {}.\n",
        others.held_out,
        decisions(others),
        two(all_spans(&others.entities).f1())
    )
}

/// Some tickets retell the event of another one: what the model makes of those that do not.
fn alone(evaluation: &Evaluation) -> String {
    let Some(alone) = &evaluation.alone else { return String::new() };
    let figures = |evaluation: &Evaluation| {
        let of = |question: Question, figure: fn(&Confusion) -> f64| {
            evaluation.questions.get(&question).map_or(0.0, |result| figure(&result.confusion))
        };
        [
            evaluation.held_out.to_string(),
            percent(of(Question::Category, Confusion::accuracy)),
            two(of(Question::Priority, Confusion::quadratic_kappa)),
            two(evaluation.sentiment.macro_f1()),
            two(of(Question::Kind, Confusion::macro_f1)),
            two(of(Question::Route, Confusion::macro_f1)),
            two(all_spans(&evaluation.entities).f1()),
        ]
        .join(" | ")
    };
    format!(
        "### Tickets that resemble no other\n\n\
         Tickets numbered from 200 on were written in sets that tell one event in several ways, and a set may lie on \
         both sides of the split. The others were written one by one. Those numbered from 500 on all serve learning, so \
         that the hold-out stays the one of earlier revisions.\n\n\
         | hold-out | tickets | category accuracy | priority kappa | sentiment macro F1 | kind macro F1 | route macro F1 \
         | entity F1 |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n\
         | all | {} |\n| written one by one | {} |\n",
        figures(evaluation),
        figures(alone)
    )
}

fn cross_validation(evaluation: &Evaluation) -> String {
    let rows = evaluation.cross_validation.iter().map(|(name, value)| format!("| {name} | {value:.2} |"));
    format!(
        "## Cross-validation\n\nA fifth of the training part (more with `--folds`), answered by a model that had \
         learned from the other four fifths. Temperatures, thresholds and how much the five nearest known tickets have to \
         say beside each head follow from these answers. Settings were chosen by these figures, never by those of the hold-out.\n\n\
         | figure | |\n| --- | --- |\n{}\n",
        rows.collect::<Vec<_>>().join("\n")
    )
}

fn review(evaluation: &Evaluation) -> String {
    let review = &evaluation.review;
    format!(
        "## When a person should look\n\n\
         `needsReview` marks {} of the hold-out: category or priority less sure than the surest nine tenths in \
         cross-validation, a text without words or in another language than English, or one that reads like no known ticket. Of the others, \
         {} have the right category and {} the right priority.\n",
        percent(review.share),
        percent(review.category_accuracy),
        percent(review.priority_accuracy)
    )
}

fn embeddings(evaluation: &Evaluation) -> String {
    format!(
        "## Embeddings\n\nThey serve similarity, so learning keeps them near those of the encoder as it was: cosine {} on \
         average over the hold-out, {} at least.\n",
        two(evaluation.moved.0),
        two(evaluation.moved.1)
    )
}

fn confusions(evaluation: &Evaluation) -> String {
    let tables = evaluation.questions.iter().map(|(question, result)| table(*question, &result.confusion));
    format!(
        "## Confusions\n\nRows are right, columns were given.\n\n{}",
        tables.collect::<Vec<_>>().join("\n")
    )
}

fn table(question: Question, confusion: &Confusion) -> String {
    let labels = question.labels();
    let mut text = format!("| {} | {} |\n", question.name(), labels.join(" | "));
    let _ = writeln!(text, "|{}", " --- |".repeat(labels.len() + 1));
    for (right, label) in labels.iter().enumerate() {
        let counts: Vec<_> =
            (0..labels.len()).map(|given| confusion.count(right, given).to_string()).collect();
        let _ = writeln!(text, "| **{label}** | {} |", counts.join(" | "));
    }
    text
}

fn entities(evaluation: &Evaluation) -> String {
    let mut text =
        "## Entities\n\nExact text and label, once per ticket. The last column is what patterns, lists and contexts find \
         without the model; the model's tags are added for the labels that gain from it in cross-validation.\n\n\
         | label | to find | precision | recall | F1 | patterns' F1 |\n| --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    let all = ("**all**".to_owned(), all_spans(&evaluation.entities));
    let patterns = |label: &str| match label {
        "**all**" => all_spans(&evaluation.patterns).f1(),
        label => evaluation.patterns.get(label).map_or(0.0, |score| score.f1()),
    };
    for (label, score) in evaluation.entities.iter().map(|(l, s)| (l.clone(), *s)).chain([all]) {
        let _ = writeln!(
            text,
            "| {label} | {} | {} | {} | {} | {} |",
            score.right(),
            two(score.precision()),
            two(score.recall()),
            two(score.f1()),
            two(patterns(&label))
        );
    }
    text
}

fn mistakes(evaluation: &Evaluation) -> String {
    let rows = evaluation.mistakes.iter().take(MISTAKES).map(|mistake: &Mistake| {
        format!(
            "| {} | {} | {} | {} | {} |",
            mistake.id,
            mistake.question.name(),
            mistake.right,
            mistake.given,
            two(f64::from(mistake.confidence))
        )
    });
    format!(
        "## The surest mistakes\n\n| ticket | question | right | given | confidence |\n| --- | --- | --- | --- | --- |\n{}\n",
        rows.collect::<Vec<_>>().join("\n")
    )
}

fn limits() -> String {
    "## Limits\n\n\
     - The tickets are invented, in English and few: a share of the hold-out is uncertain by about four points.\n\
     - The same guide and the same hands labelled both parts, and some tickets retell the event of another one in \
     another mood or with another impact, which may lie in the other part: tickets of another team will be harder.\n\
     - Of a text over 256 word pieces, the embedding, and with it similarity, stands for the first 256.\n\
     - A ticket in another language gets an answer with little behind it; its `language` says so.\n"
        .to_owned()
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn two(value: f64) -> String {
    format!("{value:.2}")
}
