//! Word splitting of runs of ASCII: the cuts of `affixes` and `address`, from the kinds of bytes.

use crate::address::is_host;
use crate::bytes::{Bytes, Kind, kinds};
use crate::letters::is_unit;
use crate::specials::ENGLISH;

#[inline(always)]
fn is(byte: Option<&u8>, any: u16) -> bool {
    byte.is_some_and(|&byte| kinds(byte) & any != 0)
}

/// Appends the words and marks of a run, but special strings inside it in pieces.
pub(crate) fn split<'t>(run: &'t str, found: &Bytes, tokens: &mut Vec<&'t str>, suffixes: &mut Vec<&'t str>) {
    let special = |word: &str| ENGLISH.get(word).is_some();
    let (mut word, mut start) = (run, 0);
    while !word.is_empty() && !special(word) {
        let prefix = prefix_length(word.as_bytes());
        let (head, rest) = word.split_at(prefix);
        if prefix > 0 && special(rest) {
            tokens.push(head);
            (word, start) = (rest, start + prefix);
            break;
        }
        let suffix = suffix_length(rest, found);
        if prefix + suffix == 0 {
            break;
        }
        let (body, tail) = rest.split_at(rest.len() - suffix);
        if suffix > 0 {
            suffixes.push(tail);
            let without_tail = word.get(..prefix + body.len()).unwrap_or_default();
            if special(without_tail) {
                word = without_tail;
                break;
            }
        }
        if prefix > 0 {
            tokens.push(head);
        }
        (word, start) = (body, start + prefix);
    }
    push_body((run, start), word, found, tokens);
    tokens.extend(suffixes.drain(..).rev());
}

fn prefix_length(word: &[u8]) -> usize {
    let Some(&first) = word.first() else { return 0 };
    let next = word.get(1);
    match first {
        _ if kinds(first) & Kind::PREFIX != 0 => 1,
        b'.' if next == Some(&b'.') => dots(word.iter()),
        b'+' => usize::from(!is(next, Kind::DIGIT)),
        b'U' if word.starts_with(b"US$") => 3,
        b'A' | b'C' if next == Some(&b'$') => 2,
        _ => 0,
    }
}

fn suffix_length(word: &str, found: &Bytes) -> usize {
    let [.., last] = word.as_bytes() else { return 0 };
    let mut back = word.as_bytes().iter().rev().skip(1);
    let before = back.next();
    let single = match last {
        _ if kinds(*last) & (Kind::MARK | Kind::QUOTE) != 0 => 1,
        b'.' if before == Some(&b'.') => dots(word.as_bytes().iter().rev()),
        b'.' => usize::from(
            is(before, Kind::LOWER | Kind::DIGIT | Kind::MARK | Kind::QUOTE)
                || matches!(before, Some(b'%' | b'-' | b'+' | b'|'))
                || (is(before, Kind::UPPER) && is(back.next(), Kind::UPPER)),
        ),
        b's' | b'S' if before == Some(&b'\'') => 2,
        b'+' => usize::from(is(before, Kind::DIGIT)),
        _ => 0,
    };
    if found.have(Kind::DIGIT) { single.max(quantity_length(word)) } else { single }
}

/// A unit of measure or currency at the end, straight after a digit.
fn quantity_length(word: &str) -> usize {
    let near = word.bytes().rev().take(6).position(|byte| byte.is_ascii_digit());
    let tail = near.and_then(|length| word.get(word.len() - length..)).unwrap_or_default();
    if is_unit(tail) || matches!(tail, "$" | "US$" | "C$" | "A$") { tail.len() } else { 0 }
}

/// The words and marks of a piece of `run`, which starts at `offset`.
fn push_body<'t>((run, offset): (&str, usize), body: &'t str, found: &Bytes, tokens: &mut Vec<&'t str>) {
    if body.is_empty() {
        return;
    }
    if let Some(lengths) = ENGLISH.get(body) {
        return tokens.extend(crate::words::parts(body, lengths));
    }
    if !found.have(Kind::INFIX) || (found.have(Kind::DOT) && is_address(body, found)) {
        return tokens.push(body);
    }
    let bytes = body.as_bytes();
    let mut start = 0;
    // Where the last mark ends, of which one that begins the word does not cut it.
    let mut resume = 0;
    for from in (0..bytes.len()).step_by(Bytes::MOST) {
        let mut marks = found.infixes(run, offset + from, bytes.len() - from);
        while marks != 0 {
            let at = from + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            if at < resume {
                continue;
            }
            let length = infix_length(bytes, at);
            resume = at + length;
            if length > 0 && at > 0 {
                if at > start {
                    tokens.extend(body.get(start..at));
                }
                tokens.extend(body.get(at..resume));
                start = resume;
            }
        }
    }
    tokens.extend(body.get(start..).filter(|rest| !rest.is_empty()));
}

fn infix_length(bytes: &[u8], at: usize) -> usize {
    let before = at.checked_sub(1).and_then(|before| bytes.get(before));
    let rest = bytes.get(at..).unwrap_or_default();
    let letter_next = |skip: usize| is(rest.get(skip), Kind::LETTER);
    match bytes[at] {
        b'.' if rest.get(1) == Some(&b'.') => dots(rest.iter()),
        b'.' => {
            usize::from(is(before, Kind::LOWER | Kind::QUOTE) && is(rest.get(1), Kind::UPPER | Kind::QUOTE))
        }
        b'+' | b'*' | b'^' | b'-'
            if is(before, Kind::DIGIT) && (is(rest.get(1), Kind::DIGIT) || rest.get(1) == Some(&b'-')) =>
        {
            1
        }
        b',' => usize::from(is(before, Kind::LETTER) && letter_next(1)),
        b':' | b'<' | b'>' | b'=' | b'/' | b'~' => {
            usize::from(is(before, Kind::LETTER | Kind::DIGIT) && letter_next(1))
        }
        b'-' if is(before, Kind::LETTER | Kind::DIGIT) => {
            let run = rest.iter().take(4).take_while(|&&byte| byte == b'-').count();
            if run <= 3 && letter_next(run) { run } else { 0 }
        }
        _ => 0,
    }
}

fn dots<'b>(bytes: impl Iterator<Item = &'b u8>) -> usize {
    bytes.take_while(|&&byte| byte == b'.').count()
}

/// `address::is_address` of ASCII.
fn is_address(word: &str, found: &Bytes) -> bool {
    let after_scheme = || {
        let at = word.as_bytes().windows(3).position(|three| three == b"://")?;
        let fits = |&byte: &u8| kinds(byte) & Kind::HOST != 0 || byte == b'+';
        let scheme = word.as_bytes().get(..at)?;
        (at > 1 && scheme.iter().all(fits)).then_some(at + 3)
    };
    let starts_with_host = |start: usize| {
        let Some(text) = word.get(start..) else { return false };
        let length = text.bytes().take_while(|&byte| kinds(byte) & Kind::HOST != 0).count();
        let (host, rest) = text.split_at(length);
        matches!(rest.as_bytes().first(), None | Some(b':' | b'/' | b'?' | b'#')) && is_host(host, rest)
    };
    starts_with_host(0)
        || (found.have(Kind::COLON) && after_scheme().is_some_and(starts_with_host))
        || (found.have(Kind::AT) && word.match_indices('@').any(|(at, _)| at > 0 && starts_with_host(at + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chars::Classes;
    use crate::words::Splitter;
    use proptest::prelude::*;

    fn check(run: &str) {
        let (mut tokens, mut suffixes) = (Vec::new(), Vec::new());
        split(run, &Bytes::of(Classes::default(), run), &mut tokens, &mut suffixes);
        let mut general = Splitter::default();
        general.split_affixes(run, true);
        assert_eq!(tokens, general.tokens(), "{run}");
        assert!(suffixes.is_empty());
    }

    /// A piece of the runs that documentation, addresses, numbers and special strings are made of.
    fn piece() -> impl Strategy<Value = String> {
        let mut specials: Vec<_> =
            ENGLISH.strings().filter(|word| word.is_ascii()).map(str::to_owned).collect();
        specials.sort_unstable();
        prop_oneof![
            "[!-~]{1,6}",
            "[a-z]{1,4}|[A-Z]{1,3}|[0-9]{1,3}",
            "[.]{1,4}|[-]{1,5}|[+*^,:<>=/~_]|[\"'`()\\[\\]]",
            "::|://|http://|@|\\.md|\\.com|US\\$|[AC]\\$|'s|'S|8\\.8\\.8\\.8|:80",
            "km|m/s|km/h|kmh|MB|mbar|%|K|hPa|\\$",
            proptest::sample::select(specials),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]
        #[test]
        fn splits_like_the_general_rules(pieces in proptest::collection::vec(piece(), 0..9)) {
            check(&pieces.concat());
        }
    }

    #[test]
    fn every_run_of_three_bytes_splits_like_the_general_rules() {
        let bytes: Vec<char> = ('!'..='/')
            .chain(['0', 'a', 'A', 's', 'm', 'K'])
            .chain(':'..='@')
            .chain('['..='`')
            .chain('{'..='~')
            .collect();
        for &a in &bytes {
            for &b in &bytes {
                for &c in &bytes {
                    check(&String::from_iter([a, b, c]));
                }
            }
        }
    }
}
