//! Wordings that the label guide's rules turn on: deadlines, scope, workarounds, requests, moods. Each is one
//! feature of the heads and never decides alone; the ones that are present are named as reasons.

use std::sync::LazyLock;

use regex::Regex;

/// What a wording speaks about, and the pattern that finds it in lower-case text.
const CUES: [(&str, &str); 26] = [
    (
        "a deadline within hours",
        r"\b(?:today|tonight|this (?:afternoon|evening|morning)|by noon|right now|immediately|within (?:the|an|two|three|\d+) (?:next )?hours?|in (?:half )?an hour|in (?:two|three|\d+) (?:hours|minutes)|(?:by|at|until|before) \d{1,2}(?:[:.]\d\d|\s?[ap]m))\b",
    ),
    ("a deadline tomorrow", r"\btomorrow\b|\bfirst thing in the morning\b"),
    (
        "a deadline within days",
        r"\b(?:this|next|end of the|end of) week\b|\b(?:by|until|before|on|next) (?:mon|tues|wednes|thurs|fri|satur|sun)day\b",
    ),
    (
        "plenty of time",
        r"\bno (?:hurry|rush|stress)\b|\bnot urgent\b|\bwhenever\b|\bcan wait\b|\btake your time\b|\bnext (?:month|quarter|year|spring|summer|autumn|winter)\b|\bsome ?day\b|\bat some point\b|\blow prio",
    ),
    (
        "everybody affected",
        r"\b(?:everyone|everybody|nobody|no ?one|none of|all of us|all our|the whole|the entire|entire|every single|all (?:the )?(?:pcs|computers|tills|users|staff|rooms|phones|screens|sites|shops))\b",
    ),
    (
        "a large group",
        r"\b(?:[3-9]\d|\d{3,}|thirty|forty|fifty|sixty|hundreds?|dozens) (?:of )?(?:people|users|colleagues|staff|employees|pupils|students|customers|guests|patients|drivers|members|seats|desks|pcs|devices)\b",
    ),
    (
        "work at a standstill",
        r"\b(?:stand(?:s|ing)? ?still|standstill|stopped|stuck|dead|down|offline|locked out|blocked|paraly[sz]ed|shut|nothing works|stands|idle)\b|\b(?:can(?:not|'t|t)|unable to) (?:work|log ?in|sign in|open|reach|access|serve|sell|print|book|ship|load)\b",
    ),
    (
        "customers or patients",
        r"\b(?:customers?|patients?|clients?|guests?|passengers?|pupils|students|visitors?|residents?|public)\b",
    ),
    (
        "a workaround",
        r"\bworkarounds?\b|\bfor now\b|\bmeanwhile\b|\bin the meantime\b|\bmanage\b|\binstead\b|\bby hand\b|\bon paper\b|\banother (?:device|pc|laptop|printer|computer|room)\b|\bthe other (?:one|pc|printer|scanner)\b|\bstill works?\b",
    ),
    (
        "an attack or a loss",
        r"\bransom|\bencrypt(?:ed|ing)\b|\bhacked\b|\bphish|\bmalware\b|\bvirus\b|\bstolen\b|\bleak|\bbreach|\bcompromis|\bsuspicious\b|\bfake\b|\bscam|\bfraud",
    ),
    (
        "production or sales",
        r"\bproduction\b|\btills?\b|\bcheckout\b|\bassembly\b|\bward\b|\boperating theatre\b|\bsurgery\b|\bramp\b|\btrucks?\b|\bshift\b",
    ),
    (
        "danger",
        r"\bsmoke\b|\bfire\b|\bburn(?:ing|t)\b|\bflood|\bwater (?:is )?(?:dripping|running|in the)\b|\bsparks?\b|\bswollen\b|\bemergency\b",
    ),
    ("a missing safety net", r"\bbackups?\b|\bredundan|\bfailover\b|\braid\b|\bspare\b"),
    (
        "an approval",
        r"\bapprov|\bpermission\b|\bauthori[sz]|\bexception\b|\bgrant\b|\baccess to\b|\bpurchase\b|\blicen[cs]e|\bsign(?:ed)? off\b|\brelease\b|\bmay (?:i|we)\b|\brequest(?:ing)? (?:for|access|a)\b|\bborrow\b|\bloan\b",
    ),
    (
        "a change",
        r"\b(?:change|update|correct|rename|delete|remove|cancel|replace|raise|increase|extend|switch off|move|add|set) (?:the|my|our|his|her|their|this|it|me|him|from|us|all|a|an)\b|\bplease (?:add|change|correct|remove|delete|cancel|update|rename)\b|\bno longer\b|\bwrong (?:name|address|number|date)\b",
    ),
    (
        "a question",
        r"\bhow (?:do|can|to|long|much|many|does)\b|\bwhat (?:is|are|does|do|would)\b|\bwhere (?:do|can|is|are)\b|\bis (?:there|it possible)\b|\bcan i\b|\bcould you (?:tell|explain)\b|\bwhich\b|\bwonder",
    ),
    (
        "gratitude or praise",
        r"\bthank(?:s| you)\b.{0,40}\b(?:for|so much|works?|help)|\bgreat (?:job|work|help)\b|\bpraise|\blove\b|\bhappy\b|\bkudos\b|\bwell done\b|\bperfect|\bexcellent\b|\bbrilliant\b|\bimpressed\b|\bdelight|\bfantastic\b|\bwonderful\b|\bgrateful\b|\bpleas(?:ed|ure)\b|\bcompliment",
    ),
    (
        "hostility",
        r"\bunacceptable\b|\bdisgrace|\bridiculous\b|\bjoke\b|\blawyer|\bincompeten|\bhad enough\b|\bcontract\b.{0,30}\bcancel|\bcancel\b.{0,30}\bcontract|\bshame on\b|\bcongratulations\b|\bgenius|\byou people\b|\bclowns?\b|\bblame\b|\bscandal|\bclueless\b|\binsult|\bidiot|\bexcuses?\b|\bnobody cares\b",
    ),
    (
        "weariness",
        r"\bagain\b|\bstill\b|\bevery time\b|\btired\b|\bannoy|\bsigh\b|\bwits' end\b|\bfed up\b|\bfrustrat|\bseriously\b|\bhonestly\b|\bonce more\b|\bfor the (?:third|fourth|fifth|\w+th) time\b|\bwast(?:ed|ing)\b|\bugh\b|\bargh|\bdriv(?:es|ing) me\b|\bgiv(?:e|ing) up\b|\bsick of\b|\bdisappoint",
    ),
    (
        "worry",
        r"\bworr(?:y|ied)|\bafraid\b|\bscared\b|\basham|\bembarrass|\bnervous|\bpanic|\bfear\b|\bstupid of me\b|\buneasy\b|\bterrified\b",
    ),
    (
        "fun",
        r"\bha ?ha|\blol\b|\bhooray\b|\byay\b|\bwoo ?hoo|[:;]-?[d)]|!!!|\bcake\b|\bdanc|\bcelebrat|[😀😁😂🎉😍🥳❤👍]",
    ),
    (
        "feedback or a note",
        r"\bsuggest|\bidea\b|\bfeedback\b|\bfyi\b|\bfor (?:your )?information\b|\bfor the record\b|\bjust (?:wanted )?to (?:say|let you know)\b|\btest (?:ticket|message)\b|\bno action\b|\bcomplain",
    ),
    (
        "a call or a meeting",
        r"\bmeeting\b|\bcall (?:me|us)\b|\bvideo call\b|\bphone call\b|\btraining\b|\bworkshop\b|\bappointment\b|\bconference call\b|\bonsite\b|\bon site\b",
    ),
    (
        "help on the screen",
        r"\bshar(?:e|ing) (?:my |the )?screen\b|\bscreen ?shar|\bshow me\b|\bstep by step\b|\bclick|\bbutton\b|\bmenu\b|\bsettings?\b|\bwalk me through\b|\bremote(?:ly)?\b|\bpop-?up\b|\bbrowser\b|\bwindow\b",
    ),
    (
        "a malfunction",
        r"\berrors?\b|\bfail(?:s|ed|ing|ure)?\b|\bcrash|\bbroken?\b|\bnot work|\bdoes(?: not|n't|nt)\b|\bwon'?t\b|\bfreez|\bslow\b|\btimes? ?out\b|\bdrops?\b|\bjam(?:s|med)?\b",
    ),
    ("money", r"\brefund|\binvoice|\bbill(?:ed|ing)?\b|\bpaid\b|\bpayment\b|\bcharged?\b|\bprice\b|\bcost"),
];

#[expect(clippy::unwrap_used, reason = "the patterns are constants and a test compiles them")]
static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| CUES.iter().map(|(_, pattern)| Regex::new(pattern).unwrap()).collect());

/// Which cues a text gives, in the order of the list.
#[must_use]
pub fn cues(text: &str) -> Vec<bool> {
    let lower = text.to_lowercase().replace('’', "'");
    PATTERNS.iter().map(|pattern| pattern.is_match(&lower)).collect()
}

/// How many there are.
#[must_use]
pub const fn number_of_cues() -> usize {
    CUES.len()
}

/// What the present cues speak about.
pub fn names(text: &str) -> impl Iterator<Item = &'static str> {
    let present = cues(text);
    CUES.iter().zip(present).filter(|(_, is_present)| *is_present).map(|((name, _), _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_what_it_speaks_about() {
        let named: Vec<_> = names("Nobody can book anything. The tender must be out by 15:00!").collect();
        assert!(
            named.contains(&"everybody affected") && named.contains(&"a deadline within hours"),
            "{named:?}"
        );
        assert_eq!(names("Blue sky over the harbour").count(), 0);
    }
}
