//! Cutting texts of any length into pieces, with bounded memory where the pattern has a scanner.

use fancy_regex::Regex;

use crate::bitmap::Bitmap;
use crate::boundaries::{self, Rules};
use crate::deepseek;
use crate::error::Error;
use crate::pattern::{Kind, Pattern};
use crate::scan::Scanner;

/// Bytes of text that are classified at once.
pub(crate) const WINDOW: usize = 1 << 14;
/// No scanner looks further than this behind the end of a piece.
const LOOKAHEAD: usize = 16;

/// Cuts texts into pieces; keeps its buffers.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    map: Bitmap,
    ends: Vec<usize>,
}

impl Splitter {
    /// Calls `each` with a start and the ends of the pieces from there on, a stretch of text at a time. The
    /// pieces are never empty and cover the text.
    ///
    /// What a custom pattern does not match is a piece of its own. Only a custom pattern can fail.
    pub fn split(
        &mut self,
        pattern: &Pattern,
        text: &str,
        mut each: impl FnMut(usize, &[usize]),
    ) -> Result<(), Error> {
        self.ends.clear();
        match pattern.inside() {
            Err(regexes) => split_by_regexes(regexes, text, &mut self.ends)?,
            Ok(Kind::DeepSeek) => deepseek::split(text, &mut self.ends),
            Ok(kind) => {
                self.split_by_windows(kind, text, each);
                return Ok(());
            }
        }
        let mut start = 0;
        for stretch in self.ends.chunks(WINDOW) {
            each(start, stretch);
            start = stretch[stretch.len() - 1];
        }
        // One huge text must not keep its memory for ever.
        self.ends.shrink_to(1 << 16);
        Ok(())
    }

    fn split_by_windows(&mut self, kind: Kind, text: &str, mut each: impl FnMut(usize, &[usize])) {
        let (mut start, mut width) = (0, WINDOW);
        while start < text.len() {
            let mut stop = text.len().min(start + width);
            while !text.is_char_boundary(stop) {
                stop += 1;
            }
            let window = &text[start..stop];
            // A piece that comes near the end of the window might be another one with more text.
            let sure = if stop == text.len() { usize::MAX } else { window.len() - LOOKAHEAD };
            self.map.fill(window.as_bytes());
            self.ends.clear();
            let scanner = Scanner::new(window, &self.map);
            let ends = &mut self.ends;
            let keep = |end: usize| {
                if end <= sure {
                    ends.push(start + end);
                }
                end <= sure
            };
            match kind {
                Kind::Cl100k { digits: 3 } => {
                    boundaries::walk(&scanner, Rules::Cl100k { digits: 3 }, keep, |at| scanner.cl100k(at, 3));
                }
                Kind::Cl100k { digits } => {
                    boundaries::walk(&scanner, Rules::Cl100k { digits }, keep, |at| {
                        scanner.cl100k(at, digits)
                    });
                }
                Kind::O200k { digits } => walk(window.len(), keep, |at| scanner.o200k(at, digits)),
                Kind::Gpt2 | Kind::DeepSeek => {
                    boundaries::walk(&scanner, Rules::Gpt2, keep, |at| scanner.gpt2(at));
                }
            }
            match self.ends.last() {
                Some(&end) => {
                    each(start, &self.ends);
                    (start, width) = (end, WINDOW);
                }
                None => width *= 2,
            }
        }
        self.map.shrink();
    }
}

#[inline(always)]
fn walk(length: usize, mut each: impl FnMut(usize) -> bool, next: impl Fn(usize) -> usize) {
    let mut at = 0;
    while at < length {
        at = next(at);
        if !each(at) {
            return;
        }
    }
}

fn split_by_regexes(regexes: &[Regex], text: &str, ends: &mut Vec<usize>) -> Result<(), Error> {
    let Some((first, others)) = regexes.split_first() else {
        ends.extend((!text.is_empty()).then_some(text.len()));
        return Ok(());
    };
    let mut cuts = Vec::new();
    split_by_regex(first, text, 0, &mut cuts)?;
    for regex in others {
        let (mut finer, mut start) = (Vec::with_capacity(cuts.len()), 0);
        for end in cuts {
            split_by_regex(regex, &text[start..end], start, &mut finer)?;
            start = end;
        }
        cuts = finer;
    }
    ends.append(&mut cuts);
    Ok(())
}

fn split_by_regex(regex: &Regex, text: &str, offset: usize, ends: &mut Vec<usize>) -> Result<(), Error> {
    let mut covered = 0;
    for found in regex.find_iter(text) {
        let found = found.map_err(|error| Error::Backtracking {
            pattern: regex.as_str().to_owned(),
            bytes: text.len(),
            problem: error.to_string(),
        })?;
        for end in [found.start(), found.end()] {
            if end > covered {
                ends.push(offset + end);
                covered = end;
            }
        }
    }
    if text.len() > covered {
        ends.push(offset + text.len());
    }
    Ok(())
}
