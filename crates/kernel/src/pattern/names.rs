//! The names that `\p{…}` knows: the general categories and scripts of Unicode, and no other properties.
//!
//! Case, spaces, `_` and `-` make no difference. Source: unicode.org, `PropertyValueAliases.txt` of version 16, less
//! the short names of scripts, which RE2 does not know.

/// General categories, by their short and long names.
const CATEGORIES: &str = "\
    c casedletter cc cf closepunctuation cn cntrl co combiningmark connectorpunctuation control currencysymbol \
    dashpunctuation decimalnumber digit enclosingmark finalpunctuation format initialpunctuation l lc letter \
    letternumber lineseparator ll lm lo lowercaseletter lt lu m mark mathsymbol mc me mn modifierletter \
    modifiersymbol n nd nl no nonspacingmark number openpunctuation other otherletter othernumber \
    otherpunctuation othersymbol p paragraphseparator pc pd pe pf pi po privateuse ps punct punctuation s sc \
    separator sk sm so spaceseparator spacingmark symbol titlecaseletter unassigned uppercaseletter z zl zp zs";

/// Scripts.
const SCRIPTS: &str = "\
    adlam ahom anatolianhieroglyphs arabic armenian avestan balinese bamum bassavah batak bengali bhaiksuki \
    bopomofo brahmi braille buginese buhid canadianaboriginal carian caucasianalbanian chakma cham cherokee \
    chorasmian common coptic cuneiform cypriot cyprominoan cyrillic deseret devanagari divesakuru dogra \
    duployan egyptianhieroglyphs elbasan elymaic ethiopic garay georgian glagolitic gothic grantha greek \
    gujarati gunjalagondi gurmukhi gurungkhema han hangul hanifirohingya hanunoo hatran hebrew hiragana \
    imperialaramaic inherited inscriptionalpahlavi inscriptionalparthian javanese kaithi kannada katakana kawi \
    kayahli kharoshthi khitansmallscript khmer khojki khudawadi kiratrai lao latin lepcha limbu lineara linearb \
    lisu lycian lydian mahajani makasar malayalam mandaic manichaean marchen masaramgondi medefaidrin \
    meeteimayek mendekikakui meroiticcursive meroitichieroglyphs miao modi mongolian mro multani myanmar \
    nabataean nagmundari nandinagari newa newtailue nko nushu nyiakengpuachuehmong ogham olchiki oldhungarian \
    olditalic oldnortharabian oldpermic oldpersian oldsogdian oldsoutharabian oldturkic olduyghur olonal oriya \
    osage osmanya pahawhhmong palmyrene paucinhau phagspa phoenician psalterpahlavi rejang runic samaritan \
    saurashtra sharada shavian siddham signwriting sinhala sogdian sorasompeng soyombo sundanese sunuwar \
    sylotinagri syriac tagalog tagbanwa taile taitham taiviet takri tamil tangsa tangut telugu thaana thai \
    tibetan tifinagh tirhuta todhri toto tulutigalari ugaritic vai vithkuqi wancho warangciti yezidi yi \
    zanabazarsquare";

/// The property as the `regex` crate names it; empty where no character has it, `None` where there is none.
pub(super) fn property(name: &str) -> Option<String> {
    let is_ignored = |c: &char| matches!(c, '_' | '-' | ' ');
    let name: String = name.chars().filter(|c| !is_ignored(c)).map(|c| c.to_ascii_lowercase()).collect();
    let is_one_of = |names: &str| names.split_ascii_whitespace().any(|known| known == name);
    Some(match name.as_str() {
        "any" | "assigned" | "ascii" => name,
        "cs" | "surrogate" => String::new(),
        _ if is_one_of(CATEGORIES) => format!("gc={name}"),
        _ if is_one_of(SCRIPTS) => format!("sc={name}"),
        _ => return None,
    })
}
