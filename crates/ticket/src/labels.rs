//! The closed sets of labels. An answer or a correction outside of them is an error, never a new label.
//! What they mean: `docs/LABELS.md`.

use schemas::{
    analysis::{Emotion, Priority, Sentiment},
    work::{Decided, Decision},
};

/// The categories of the default taxonomy, which are also the request types of the form.
pub const CATEGORIES: [&str; 5] = ["Network", "Security", "Cloud", "Hardware", "General"];

/// What a writer can want.
pub const KINDS: [&str; 6] = ["approval", "revision", "urgent", "technical", "question", "general"];

/// The support channels.
pub const ROUTES: [&str; 4] = ["video-call", "co-browse", "ai-chatbot", "live-chat"];

/// What a text can name.
pub const ENTITIES: [&str; 11] =
    ["PERSON", "ORG", "PRODUCT", "LOCATION", "HOST", "IP", "EMAIL", "URL", "ERROR_CODE", "DATETIME", "PHONE"];

/// The levels of urgency, from whenever to this minute.
pub const URGENCIES: std::ops::RangeInclusive<u8> = 1..=10;

/// The languages of ISO 639-1, by their codes.
const LANGUAGES: &str = "\
    aa ab ae af ak am an ar as av ay az ba be bg bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el \
    en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it \
    iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt \
    my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl \
    sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo \
    za zh zu";

/// The language of a text nobody could tell.
const UNDETERMINED: &str = "und";

/// Whether `decided` is a possible outcome of `decision`.
#[must_use]
pub fn allow(decision: Decision, decided: &Decided) -> bool {
    match decided {
        Decided::Level(level) => decision == Decision::Urgency && URGENCIES.contains(level),
        Decided::Label(label) => allow_label(decision, label),
    }
}

/// Whether `label` is one of `decision`'s.
#[must_use]
pub fn allow_label(decision: Decision, label: &str) -> bool {
    of(decision).contains(&label)
}

/// What `decision` can end in, in words.
#[must_use]
pub fn in_words(decision: Decision) -> String {
    match decision {
        Decision::Urgency => format!("a number from {} to {}", URGENCIES.start(), URGENCIES.end()),
        Decision::Language => format!("a code of ISO 639-1, or {UNDETERMINED}"),
        _ => format!("one of {}", of(decision).join(", ")),
    }
}

fn of(decision: Decision) -> Vec<&'static str> {
    match decision {
        Decision::Category => CATEGORIES.to_vec(),
        Decision::Priority => Priority::ALL.map(Priority::name).to_vec(),
        Decision::Kind => KINDS.to_vec(),
        Decision::Sentiment => Sentiment::ALL.map(Sentiment::name).to_vec(),
        Decision::Emotion => Emotion::ALL.map(Emotion::name).to_vec(),
        Decision::Urgency => vec![],
        Decision::Route => ROUTES.to_vec(),
        Decision::Language => LANGUAGES.split(' ').chain([UNDETERMINED]).collect(),
    }
}
