//! Which language a text is written in.
//!
//! Letters and their triples tell little about five words. So English is known by its own small words first, and
//! another language counts only where the text is clearly nearer to it than to English.

use std::{collections::HashSet, sync::LazyLock};

use whatlang::{Detector, Info, Lang, Script};

/// ISO 639-1 code of a language nobody could tell.
pub const UNDETERMINED: &str = "und";

/// The languages told apart, with their ISO 639-1 codes. Fewer languages are fewer confusions on short texts.
const LANGUAGES: [(Lang, &str); 22] = [
    (Lang::Eng, "en"),
    (Lang::Deu, "de"),
    (Lang::Fra, "fr"),
    (Lang::Spa, "es"),
    (Lang::Ita, "it"),
    (Lang::Por, "pt"),
    (Lang::Nld, "nl"),
    (Lang::Pol, "pl"),
    (Lang::Ces, "cs"),
    (Lang::Swe, "sv"),
    (Lang::Dan, "da"),
    (Lang::Fin, "fi"),
    (Lang::Hun, "hu"),
    (Lang::Ron, "ro"),
    (Lang::Tur, "tr"),
    (Lang::Ell, "el"),
    (Lang::Rus, "ru"),
    (Lang::Ukr, "uk"),
    (Lang::Ara, "ar"),
    (Lang::Jpn, "ja"),
    (Lang::Cmn, "zh"),
    (Lang::Kor, "ko"),
];

/// Small words of English that are none in the other languages, as "is", "in" or "was" are.
const ENGLISH_WORDS: &str = "\
    about and because been broken can't cannot could couldn't didn't does doesn't don't everyone forgot from \
    have haven't how i'd i'm into isn't it it's its my need needs nobody not nothing our please she should \
    since thank thanks that the their there these they this those today tomorrow us wasn't we've were what \
    when where which while who why with won't working works would wouldn't yesterday you your";

static ENGLISH: LazyLock<HashSet<&str>> = LazyLock::new(|| ENGLISH_WORDS.split(' ').collect());

/// A text with one of [`ENGLISH_WORDS`] among so many words is in English, whatever its letters look like.
const ONE_IN: usize = 6;
/// Below it a guess says nothing.
const LEAST_CONFIDENCE: f64 = 0.2;
/// How much nearer than to English a text has to be to another language: of the training tickets, which are all in
/// English, fewer than one in a thousand is.
const CLEARLY_NEARER: f64 = 0.7;

/// What a text is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// The language that the model learned.
    English,
    /// Certainly another one; none where it cannot be told which.
    Other(Option<Lang>),
    /// Too short or too mixed to tell.
    Unclear,
}

impl Language {
    /// The language of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let (english, all) = english_words(text);
        if english > 0 && english * ONE_IN >= all {
            return Self::English;
        }
        let guess = detect(text, LANGUAGES.map(|(language, _)| language).to_vec());
        let is_telling = |guess: &Info| guess.confidence() >= LEAST_CONFIDENCE;
        match guess {
            Some(guess) if guess.lang() == Lang::Eng && is_telling(&guess) => Self::English,
            Some(guess) if is_clearly_not_english(text, &guess) => {
                Self::Other(is_telling(&guess).then(|| guess.lang()))
            }
            _ if english > 0 => Self::English,
            _ => Self::Unclear,
        }
    }

    /// ISO 639-1 code, or [`UNDETERMINED`].
    #[must_use]
    pub fn code(self) -> &'static str {
        let language = match self {
            Self::English => Some(Lang::Eng),
            Self::Other(language) => language,
            Self::Unclear => None,
        };
        let code = LANGUAGES.iter().find(|(known, _)| Some(*known) == language);
        code.map_or(UNDETERMINED, |(_, code)| code)
    }
}

fn detect(text: &str, among: Vec<Lang>) -> Option<Info> {
    Detector::with_allowlist(among).detect(text)
}

/// How many words are English, and how many there are.
fn english_words(text: &str) -> (usize, usize) {
    let lower = text.to_lowercase().replace('’', "'");
    let words = lower.split(|c: char| !c.is_alphabetic() && c != '\'').map(|word| word.trim_matches('\''));
    words
        .filter(|word| !word.is_empty())
        .fold((0, 0), |(english, all), word| (english + usize::from(ENGLISH.contains(word)), all + 1))
}

/// Two languages that are near to each other make a guess unsure, though it is sure that it is neither of them.
fn is_clearly_not_english(text: &str, guess: &Info) -> bool {
    let against_english = || detect(text, vec![Lang::Eng, guess.lang()]);
    let is_other = guess.lang() != Lang::Eng;
    is_other
        && (guess.script() != Script::Latin
            || against_english()
                .is_some_and(|nearer| nearer.lang() == guess.lang() && nearer.confidence() >= CLEARLY_NEARER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_languages_are_told_apart() {
        for (text, code) in [
            ("The printer on the second floor does not print since this morning.", "en"),
            ("Der Drucker im zweiten Stock druckt seit heute Morgen nicht mehr.", "de"),
            ("L'imprimante du deuxième étage n'imprime plus depuis ce matin.", "fr"),
            ("La impresora del segundo piso no imprime desde esta mañana.", "es"),
            ("我们被黑客攻击了,所有文件都被加密了,请马上帮忙!", "zh"),
            ("サーバーがダウンしました", "ja"),
            ("서버가 다운되었습니다", "ko"),
        ] {
            assert_eq!(Language::of(text).code(), code, "{text}");
        }
    }

    #[test]
    fn a_text_without_words_has_no_language() {
        assert_eq!(Language::of("12345 !!! 0x80").code(), UNDETERMINED);
    }

    #[test]
    fn english_is_known_by_its_small_words() {
        for text in [
            "I forgot my password",
            "Can't log in to Salesforce",
            "Badge does not open door",
            "Still broken",
            "How do I share a calendar?",
            "My password expired",
            "Please help",
            "It doesn’t work",
            "Our tills are dead, customers are queuing, all shops stand still!",
            "WiFi not working",
        ] {
            assert_eq!(Language::of(text), Language::English, "{text}");
        }
    }

    /// A false alarm sends a ticket to a person for nothing.
    #[test]
    fn no_short_english_text_counts_as_another_language() {
        for text in [
            "VPN connection issue",
            "System is down, critical, asap",
            "Printer broken",
            "Server down",
            "Help!",
            "No internet",
            "Internet down",
            "Outlook crashes",
            "Laptop stolen",
            "Email problem",
            "Urgent!!!",
            "Teams audio broken",
            "Screen flickers",
            "Monitor dead",
            "Docking station defect",
            "Kubernetes pods crash",
            "Phishing mail received",
            "Virus alert on PC",
            "Account locked",
            "Password expired",
            "Payroll error",
            "Excel macro fails",
            "Great service",
            "Printer on 3rd floor jams",
            "VPN error 809",
            "SAP down",
            "ERP slow",
            "Database timeout",
            "S3 bucket public",
            "Order two monitors",
            "Update address",
            "License renewal",
            "Disk full on srv-fs01",
            "All tills offline",
            "Site Lyon offline",
            "Blue screen",
            "Headset no sound",
            "Access denied on finance share",
            "DNS fails",
            "ransomware on file server",
            "Salesforce login loop",
        ] {
            assert!(!matches!(Language::of(text), Language::Other(_)), "{text}: {:?}", Language::of(text));
        }
    }

    #[test]
    fn a_short_text_in_another_language_is_told_from_english() {
        for text in [
            "Wir wurden gehackt, alle Dateien sind verschlüsselt, bitte sofort helfen!",
            "Der Server ist ausgefallen, niemand kann arbeiten.",
            "Kein Internet seit heute Morgen",
            "Le serveur est en panne, personne ne peut travailler.",
            "No puedo entrar en mi cuenta",
            "La stampante non funziona",
            "O servidor caiu, ninguém consegue trabalhar.",
            "De server ligt plat, niemand kan werken.",
            "Drukarka nie działa",
            "Yazıcı çalışmıyor",
            "Сервер не работает",
            "全社停電",
        ] {
            assert!(matches!(Language::of(text), Language::Other(_)), "{text}");
        }
    }
}
