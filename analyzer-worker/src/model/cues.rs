//! Wordings that the label guide's rules turn on: deadlines, scope, workarounds, requests, moods, and what a text is
//! about. Each is one feature of the heads and never decides alone; the ones that are present, and not denied, may be
//! named as reasons.

use std::sync::LazyLock;

use regex::Regex;

use super::negation::is_denied;

/// What a wording speaks about, and the pattern that finds it in lower-case text.
const CUES: [(&str, &str); 26] = [
    (
        "today or the next hours",
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
    (LACK, r"\bbackups?\b|\bredundan|\bfailover\b|\braid\b|\bspare\b"),
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

/// The one that a denial ("no backup") makes stronger.
const LACK: &str = "a missing safety net";

/// What a text is about, and the pattern that finds it in lower-case text: what speaks for a category, though a
/// ticket about one thing often mentions another.
const TOPICS: [(&str, &str); 5] = [
    (
        "connections",
        r"\b(?:wi-?fi|wlan|vpns?|[vw]?lans?|ssid|routers?|switch(?:es)?|access points?|dns|dhcp|firewalls?|proxy|ping|bandwidth|latency|broadband|internet|modems?|fib(?:re|er)|wall sockets?|ip address(?:es)?|ports? \d+|subnets?|voip|sip trunk|packets?|mpls|bgp|uplinks?|web filter|gateways?|lines?)\b",
    ),
    (
        "accounts and protection",
        r"\b(?:passwords?|passphrase|mfa|2fa|two-factor|second factor|authenticator|sso|single sign-on|log ?ins?|accounts?|access (?:rights?|to)|rights|roles?|permissions?|badges?|certificates?|phishing|spam|virus|malware|ransom\w*|antivirus|encrypt\w*|bitlocker|stolen|lost|leak\w*|hack\w*|attack\w*|suspicious|fraud\w*|gdpr|privacy|keys?|quarantined?|policy|audit\w*)\b",
    ),
    (
        "rented platforms",
        r"\b(?:aws|azure|gcp|google (?:cloud|workspace|drive|sheets|meet)|kubernetes|kubectl|pods?|clusters?|s3|buckets?|ec2|sharepoint|onedrive|teams|microsoft 365|office 365|exchange online|gmail|salesforce|snowflake|saas|clouds?|tenants?|pipelines?|deploy\w*|apis?|hosted|mailbox(?:es)?|e-?mails?|calendars?|webhooks?|terraform|github|gitlab|jira|confluence|slack|zoom|dropbox|quotas?|databases?|instances?|platforms?|webshop|backups?|vms?|crm)\b",
    ),
    (
        "devices",
        r"\b(?:laptops?|notebooks?|pcs?|monitors?|screens?|displays?|printers?|toner|scanners?|dock(?:s|ing)?|keyboards?|mouse|mice|headsets?|webcams?|cameras?|projectors?|beamer|tablets?|ups|batter(?:y|ies)|chargers?|disks?|usb|tills?|plotters?|power suppl(?:y|ies)|touchpads?|cables?|phones?|terminals?|drivers?|raid|server room|copiers?|hinge|fans?)\b",
    ),
    (
        "offices, papers and people",
        r"\b(?:invoices?|contracts?|payslips?|salar(?:y|ies)|wages|payroll|holidays?|vacation|leave|overtime|hr|canteen|kitchen|heating|toilets?|lifts?|elevators?|parking|courses?|workshops?|excel|word|powerpoint|acrobat|certificate of|refund|subscriptions?|plan|licen[cs]es?|hotline|agents?|colleagues?|doors?|chairs?|desks?|lamps?|lights?|rooms?|travel|forms?|address|meetings?|brochure|letters?)\b",
    ),
];

#[expect(clippy::unwrap_used, reason = "the patterns are constants and a test compiles them")]
static PATTERNS: LazyLock<Vec<Regex>> =
    LazyLock::new(|| CUES.iter().chain(&TOPICS).map(|(_, pattern)| Regex::new(pattern).unwrap()).collect());

/// Which cues a text gives, in the order of the lists.
#[must_use]
pub fn cues(text: &str) -> Vec<bool> {
    let lower = lower(text);
    PATTERNS.iter().map(|pattern| pattern.is_match(&lower)).collect()
}

fn lower(text: &str) -> String {
    text.to_lowercase().replace('’', "'")
}

/// How many there are.
#[must_use]
pub const fn number_of_cues() -> usize {
    CUES.len() + TOPICS.len()
}

/// A cue that a text gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cue {
    /// Its place among all cues.
    pub place: usize,
    /// What it speaks about.
    pub name: &'static str,
}

/// What the present cues speak about.
pub struct Named {
    /// Circumstances, wishes and moods.
    pub circumstances: Vec<Cue>,
    /// Topics, which speak for a category.
    pub topics: Vec<Cue>,
}

/// Names the cues that a text gives. A circumstance that it denies is none; a topic stays one ("no internet").
#[must_use]
pub fn named(text: &str) -> Named {
    let lower = lower(text);
    let all = CUES.iter().chain(&TOPICS).zip(PATTERNS.iter()).enumerate();
    let given = all.filter(|(place, ((name, _), pattern))| {
        let can_be_denied = *place < CUES.len() && *name != LACK;
        let mut found = pattern.find_iter(&lower).map(|found| found.range());
        found.any(|wording| !can_be_denied || !is_denied(&lower, wording))
    });
    let cues = given.map(|(place, ((name, _), _))| Cue { place, name });
    let (circumstances, topics) = cues.partition(|cue| cue.place < CUES.len());
    Named { circumstances, topics }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_names_what_it_speaks_about() {
        let named = named("Nobody can book anything on the CRM. The tender must be out by 15:00!");
        let circumstances = names(&named.circumstances);
        assert!(
            circumstances.contains(&"everybody affected")
                && circumstances.contains(&"today or the next hours"),
            "{circumstances:?}"
        );
        assert_eq!(names(&named.topics), ["rented platforms"]);
        assert!(cues("Blue sky over the harbour").iter().all(|is_present| !is_present));
    }

    fn names(cues: &[Cue]) -> Vec<&'static str> {
        cues.iter().map(|cue| cue.name).collect()
    }

    #[test]
    fn what_a_text_denies_is_no_circumstance() {
        let text = "Nothing is down and nobody is affected, no error, no virus, it is not urgent.";
        assert_eq!(names(&named(text).circumstances), ["plenty of time"]);
        let present = cues(text).into_iter().filter(|is_present| *is_present).count();
        assert!(present > 4, "the heads learned from cues that ask for no denial: {present}");
    }

    #[test]
    fn a_lack_is_no_denial() {
        assert_eq!(names(&named("We have no backup.").circumstances), ["a missing safety net"]);
        assert_eq!(names(&named("No internet").topics), ["connections"]);
    }

    #[test]
    fn a_cue_knows_its_place() {
        let text = "Nobody can book anything on the CRM.";
        let named = named(text);
        let places: Vec<_> = named.circumstances.iter().chain(&named.topics).map(|cue| cue.place).collect();
        let present: Vec<_> =
            cues(text).iter().enumerate().filter(|(_, is_there)| **is_there).map(|(n, _)| n).collect();
        assert_eq!(places, present);
    }
}
