//! Which language a text is written in.

use whatlang::{Detector, Lang};

/// ISO 639-1 code of a language nobody could tell.
pub const UNDETERMINED: &str = "und";

/// The languages told apart, with their ISO 639-1 codes. Fewer languages are fewer confusions on short texts.
const LANGUAGES: [(Lang, &str); 20] = [
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
];

/// Below it a guess says nothing.
const LEAST_CONFIDENCE: f64 = 0.2;

/// ISO 639-1 code of the text's language, or [`UNDETERMINED`].
#[must_use]
pub fn language(text: &str) -> &'static str {
    let detector = Detector::with_allowlist(LANGUAGES.map(|(language, _)| language).to_vec());
    let guess = detector.detect(text).filter(|guess| guess.confidence() >= LEAST_CONFIDENCE);
    let code = guess.and_then(|guess| LANGUAGES.iter().find(|(language, _)| *language == guess.lang()));
    code.map_or(UNDETERMINED, |(_, code)| code)
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
        ] {
            assert_eq!(language(text), code, "{text}");
        }
    }

    #[test]
    fn a_text_without_words_has_no_language() {
        assert_eq!(language("12345 !!! 0x80"), UNDETERMINED);
    }
}
