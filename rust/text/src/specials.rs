//! Strings that English tokenizers keep whole or cut at a fixed place: contractions, abbreviations, emoticons.
//!
//! The catalogue follows the exceptions of spaCy's blank English tokenizer, which datatrove counts words with.

use std::sync::LazyLock;

use ahash::RandomState;
use std::collections::HashMap;

use crate::runs::Key;

/// Byte lengths of the parts that a special string is cut into; unused places are 0.
type Cuts = [u8; 4];

/// Special strings and where they are cut. Only looked up, never iterated, so its order cannot show.
pub(crate) struct Specials {
    cuts: HashMap<Box<str>, Cuts, RandomState>,
    longest: usize,
    /// The lengths of those that begin with each byte, from 31 on as one, a bit each: rules most other strings out in
    /// less memory than `traits`.
    lengths: [u32; 256],
    traits: Traits,
    /// Hashes of the keys of those that are letters and perhaps one byte more, as bits.
    plain: Box<[u64; 512]>,
}

/// Hashes of strings as 65,536 bits: rules most other strings out without a look into a map.
pub(crate) struct Traits(Box<[u64; 1024]>);

impl Default for Traits {
    fn default() -> Self {
        Self(Box::new([0; 1024]))
    }
}

impl Traits {
    /// From the length, and the first and last four bytes (of shorter strings all).
    #[inline]
    fn bit(word: &str) -> u16 {
        let bytes = word.as_bytes();
        let four = |four: &[u8; 4]| u64::from(u32::from_le_bytes(*four));
        let content = match (bytes.first_chunk(), bytes.last_chunk()) {
            (Some(first), Some(last)) => four(first) << 32 | four(last),
            _ => bytes.iter().fold(0, |content, &byte| content << 8 | u64::from(byte)),
        };
        ((content ^ (bytes.len() as u64) << 60).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as u16
    }

    /// Adds a string.
    pub(crate) fn add(&mut self, word: &str) {
        let bit = Self::bit(word);
        self.0[usize::from(bit) / 64] |= 1 << (bit % 64);
    }

    /// False if `word` was not added.
    #[inline]
    pub(crate) fn may_have(&self, word: &str) -> bool {
        let bit = Self::bit(word);
        self.0[usize::from(bit) / 64] >> (bit % 64) & 1 == 1
    }
}

/// The English catalogue.
pub(crate) static ENGLISH: LazyLock<Specials> = LazyLock::new(Specials::english);

const ABBREVIATIONS: &str = "Mt. Ak. Ala. Apr. Ariz. Ark. Aug. Calif. Colo. Conn. Dec. Del. Feb. Fla. Ga. Ia. Id. \
    Ill. Ind. Jan. Jul. Jun. Kan. Kans. Ky. La. Mar. Mass. Mich. Minn. Miss. N.C. N.D. N.H. N.J. N.M. N.Y. Neb. \
    Nebr. Nev. Nov. Oct. Okla. Ore. Pa. S.C. Sep. Sept. Tenn. Va. Wash. Wis. a.m. Adm. Bros. co. Co. Corp. D.C. \
    Dr. e.g. E.g. E.G. Gen. Gov. i.e. I.e. I.E. Inc. Jr. Ltd. Md. Messrs. Mo. Mont. Mr. Mrs. Ms. p.m. Ph.D. Prof. \
    Rep. Rev. Sen. St. vs. v.s.";

const WHOLE_WORDS: &str = "'S 's \u{2018}S \u{2018}s and/or w/o 're 'Cause 'cause 'cos 'Cos 'coz 'Coz 'cuz 'Cuz 'bout \
    ma'am Ma'am o'clock O'clock lovin' Lovin' lovin Lovin havin' Havin' havin Havin em 'em ll 'll nuff 'nuff 'd \
    ' \\\") '' C++ \u{2014} \\t \\n <space>";

const EMOTICONS: &str = ":) :-) :)) :-)) :))) :-))) (: (-: =) (= :] :-] [: [-: [= =] :o) (o: :} :-} 8) 8-) (-8 ;) ;-) \
    (; (-; :( :-( :(( :-(( :((( :-((( ): )-: =( >:( :') :'-) :'( :'-( :/ :-/ =/ =| :| :-| ]= =[ :1 :P :-P :p :-p :O \
    :-O :o :-o :0 :-0 :() >:o :* :-* :3 :-3 =3 :> :-> :X :-X :x :-x :D :-D ;D ;-D =D xD XD xDD XDD 8D 8-D ^_^ ^__^ \
    ^___^ >.< >.> <.< ._. ;_; -_- -__- v.v V.V v_v V_V o_o o_O O_o O_O 0_o o_0 0_0 o.O O.o O.O o.o 0.0 o.0 0.o @_@ <3 \
    <33 <333 </3 (^_^) (-_-) (._.) (>_<) (*_*) (¬_¬) ಠ_ಠ ಠ︵ಠ (ಠ_ಠ) ¯\\(ツ)/¯ (╯°□°）╯︵┻━┻ ><(((*>";

/// Common words that look like a contraction without its apostrophe.
const NOT_SPECIAL: [&str; 8] = ["ill", "its", "hell", "shell", "shed", "were", "well", "whore"];

impl Specials {
    /// How many parts, and their byte lengths; None if the string is not special.
    #[inline]
    pub(crate) fn get(&self, word: &str) -> Option<&[u8]> {
        let first = usize::from(*word.as_bytes().first()?);
        let fits = self.lengths[first] >> word.len().min(31) & 1 == 1;
        if fits && self.traits.may_have(word) { self.look_up(word) } else { None }
    }

    /// False if no special string has this key, which is of letters and perhaps one byte more.
    #[inline(always)]
    pub(crate) fn may_have_plain(&self, key: &Key) -> bool {
        let bit = key.spread(15);
        self.plain[bit / 64] >> (bit % 64) & 1 == 1
    }

    #[inline(never)]
    fn look_up(&self, word: &str) -> Option<&[u8]> {
        let cuts = self.cuts.get(word)?;
        let parts = cuts.iter().position(|&length| length == 0).unwrap_or(cuts.len());
        cuts.get(..parts)
    }

    /// Length in bytes of the longest special string.
    pub(crate) fn longest(&self) -> usize {
        self.longest
    }

    /// Every special string, in no particular order.
    pub(crate) fn strings(&self) -> impl Iterator<Item = &str> {
        self.cuts.keys().map(|key| &**key)
    }

    fn english() -> Self {
        let mut all = Self {
            cuts: HashMap::with_hasher(RandomState::with_seeds(1, 2, 3, 4)),
            longest: 0,
            lengths: [0; 256],
            traits: Traits::default(),
            plain: Box::new([0; 512]),
        };
        for word in [ABBREVIATIONS, WHOLE_WORDS, EMOTICONS].into_iter().flat_map(str::split_ascii_whitespace)
        {
            all.add(&[word]);
        }
        for letter in ('a'..='z').chain(['ä', 'ö', 'ü']) {
            all.add(&[&format!("{letter}.")]);
        }
        for unit in ["c", "f", "k", "C", "F", "K"] {
            all.add(&["°", unit, "."]);
        }
        for hour in 1..=12 {
            for half in ["a.m.", "am", "p.m.", "pm"] {
                all.add(&[&hour.to_string(), half]);
            }
        }
        all.contractions();
        for word in NOT_SPECIAL {
            all.cuts.remove(word);
            all.cuts.remove(&*title(word));
        }
        all
    }

    fn contractions(&mut self) {
        const WILL: &[&[&str]] = &[&["'ll"], &["'ll", "'ve"], &["'d"], &["'d", "'ve"]];
        const HAVE: &[&[&str]] = &[&["'ve"]];
        const ARE: &[&[&str]] = &[&["'re"]];
        const IS: &[&[&str]] = &[&["'s"]];
        const NOT: &[&[&str]] = &[&["n't"]];
        const NOT_HAVE: &[&[&str]] = &[&["n't"], &["n't", "'ve"]];
        for (stems, endings) in [
            ("i", [&["'m"][..], &["'m", "a"]].as_slice()),
            ("i you he she it we they who what when where why how there that this these those", WILL),
            ("i you we they who what when where why how there these those", HAVE),
            ("could might must should would not", HAVE),
            ("you we they who what when where why how there these those", ARE),
            ("he she it who what when where why how there that this", IS),
            ("ca could do does did had may might must need ought sha should wo would", NOT_HAVE),
            ("ai are is was were have has dare", NOT),
        ] {
            for stem in stems.split(' ') {
                for ending in endings {
                    self.add_contraction(stem, ending);
                }
            }
        }
        for stem in ["doin", "goin", "nothin", "nuthin", "ol", "somethin"] {
            for stem in [stem.to_owned(), title(stem)] {
                self.add(&[&stem]);
                self.add(&[&format!("{stem}'")]);
            }
        }
        for parts in [["can", "not"], ["gon", "na"], ["got", "ta"], ["let", "'s"], ["c'm", "on"]] {
            self.add(&parts);
            self.add(&[&title(parts[0]), parts[1]]);
        }
        self.add(&["y'", "all"]);
        self.add(&["y", "all"]);
        self.add(&["how", "'d", "'y"]);
        self.add(&["How", "'d", "'y"]);
    }

    /// `stem` and its capitalised form, with the endings as given and with their apostrophes left out.
    fn add_contraction(&mut self, stem: &str, endings: &[&str]) {
        let bare: Vec<String> = endings.iter().map(|ending| ending.replace('\'', "")).collect();
        for stem in [stem, &title(stem)] {
            let mut parts = vec![stem];
            parts.extend(endings);
            self.add(&parts);
            parts.truncate(1);
            parts.extend(bare.iter().map(String::as_str));
            self.add(&parts);
        }
    }

    /// Also with typographic apostrophes, where there are any.
    fn add(&mut self, parts: &[&str]) {
        if parts.iter().any(|part| part.contains('\'')) {
            let curly: Vec<String> = parts.iter().map(|part| part.replace('\'', "’")).collect();
            self.add_as_printed(&curly.iter().map(String::as_str).collect::<Vec<_>>());
        }
        self.add_as_printed(parts);
    }

    fn add_as_printed(&mut self, parts: &[&str]) {
        let mut cuts = Cuts::default();
        for (cut, part) in cuts.iter_mut().zip(parts) {
            *cut = u8::try_from(part.len()).unwrap_or(u8::MAX);
        }
        let word = parts.concat();
        self.longest = self.longest.max(word.len());
        self.lengths[usize::from(word.as_bytes()[0])] |= 1 << word.len().min(31);
        self.traits.add(&word);
        let key = Key::of(word.as_bytes(), 0, word.len());
        if key.letters().is_some() {
            let bit = key.spread(15);
            self.plain[bit / 64] |= 1 << (bit % 64);
        }
        self.cuts.insert(word.into_boxed_str(), cuts);
    }
}

fn title(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_cut_where_printed() {
        for (word, parts) in [
            ("cannot", &[3u8, 3][..]),
            ("Can't", &[2, 3]),
            ("Couldn't've", &[5, 3, 3]),
            ("whatre", &[4, 2]),
            ("12a.m.", &[2, 4]),
            ("Mr.", &[3]),
            ("don’t", &[2, 5]),
        ] {
            assert_eq!(ENGLISH.get(word), Some(parts), "{word}");
        }
        for word in ["well", "Its", "word", "", "this've"] {
            assert_eq!(ENGLISH.get(word), None, "{word}");
        }
    }

    #[test]
    fn plain_strings_are_found_by_their_keys() {
        let plain = ENGLISH.strings().map(|word| Key::of(word.as_bytes(), 0, word.len()));
        let plain: Vec<_> = plain.filter(|key| key.letters().is_some()).collect();
        assert!(plain.len() > 100);
        assert!(plain.iter().all(|key| ENGLISH.may_have_plain(key)));
        let others = (0..10_000).map(|number| format!("q{number}"));
        let found = others.filter(|word| ENGLISH.may_have_plain(&Key::of(word.as_bytes(), 0, word.len())));
        assert!(found.count() < 1000);
    }

    #[test]
    fn every_cut_is_at_a_character_and_covers_the_string() {
        for word in ENGLISH.strings() {
            let cuts = ENGLISH.get(word).expect("listed");
            let mut at = 0;
            for &length in cuts {
                at += usize::from(length);
                assert!(word.is_char_boundary(at));
            }
            assert_eq!(at, word.len(), "{word}");
        }
    }
}
