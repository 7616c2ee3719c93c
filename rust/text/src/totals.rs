//! Counts over runs, packed so that eight are added at a time.

macro_rules! counts {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Counts over runs. In a run each fits a byte, so that eight are added at a time.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct Totals { $($(#[doc = $doc])* pub(crate) $name: u64,)* }

        impl Totals {
            const COUNTS: usize = [$(stringify!($name)),*].len();

            fn array(&self) -> [u64; Self::COUNTS] {
                [$(self.$name),*]
            }

            fn places(&mut self) -> [&mut u64; Self::COUNTS] {
                [$(&mut self.$name),*]
            }
        }
    };
}

counts! {
    /// Characters.
    chars,
    /// Decimal digits.
    digits,
    /// Upper-case letters.
    upper,
    /// Punctuation and control characters.
    marks,
    /// `#` characters.
    hashes,
    /// `{` characters.
    curly_brackets,
    /// `...` and `…`.
    ellipses,
    /// Occurrences of "ipsum" at the start of a run.
    ipsum,
    /// Words and marks.
    words_and_marks,
    /// Words that are more than marks.
    words,
    /// Characters of those.
    word_chars,
    /// Words with a letter.
    alphabetic,
}

impl Totals {
    pub(crate) fn add(&mut self, more: &Self) {
        for (total, more) in self.places().into_iter().zip(more.array()) {
            *total += more;
        }
    }

    /// The counts of one run.
    #[inline(always)]
    pub(crate) fn packed(&self) -> Counts {
        let mut packed = Counts::default();
        for (place, count) in self.array().into_iter().enumerate() {
            packed[place / 8] |= count << (8 * (place % 8));
        }
        packed
    }
}

/// 64-bit groups of eight counts.
pub(crate) const GROUPS: usize = Totals::COUNTS.div_ceil(8);

/// Counts of one run, a byte each.
pub(crate) type Counts = [u64; GROUPS];

/// Adds up counts of runs: pairs of 16-bit lanes that are emptied before they can overflow.
#[derive(Default)]
pub(crate) struct Adder {
    lanes: [[u64; 2]; GROUPS],
    pending: u32,
    totals: Totals,
}

impl Adder {
    /// An adder that goes on from these sums.
    pub(crate) fn starting(totals: Totals) -> Self {
        Self { totals, ..Self::default() }
    }

    /// A count of a run is at most 255, so 257 runs fit a lane.
    const FULL: u32 = 257;
    const EVEN: u64 = 0x00ff_00ff_00ff_00ff;

    /// Adds counts as often as a run occurs.
    #[inline]
    pub(crate) fn add_times(&mut self, counts: &Counts, times: u32) {
        if self.pending.saturating_add(times) > Self::FULL {
            self.empty();
            if times > Self::FULL {
                return self.add_often(counts, times);
            }
        }
        for (lanes, &group) in self.lanes.iter_mut().zip(counts) {
            lanes[0] += (group & Self::EVEN) * u64::from(times);
            lanes[1] += ((group >> 8) & Self::EVEN) * u64::from(times);
        }
        self.pending += times;
    }

    #[cold]
    fn add_often(&mut self, counts: &Counts, times: u32) {
        for (place, total) in self.totals.places().into_iter().enumerate() {
            let count = (counts[place / 8] >> (8 * (place % 8))) & 0xff;
            *total += count * u64::from(times);
        }
    }

    /// The sums of everything added.
    pub(crate) fn finish(mut self) -> Totals {
        self.empty();
        self.totals
    }

    fn empty(&mut self) {
        let lanes = std::mem::take(&mut self.lanes);
        for (place, total) in self.totals.places().into_iter().enumerate() {
            let lane = lanes[place / 8][place % 2];
            *total += (lane >> (16 * (place % 8 / 2))) & 0xffff;
        }
        self.pending = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn adding_in_lanes_is_adding(runs in proptest::collection::vec(
            (proptest::collection::vec(any::<u8>(), Totals::COUNTS), prop_oneof![1u32..3, 1u32..600]), 0..600)
        ) {
            let mut adder = Adder::default();
            let mut expected = vec![0u64; Totals::COUNTS];
            for (run, times) in &runs {
                let mut packed = Counts::default();
                for (place, &count) in run.iter().enumerate() {
                    packed[place / 8] |= u64::from(count) << (8 * (place % 8));
                    expected[place] += u64::from(count) * u64::from(*times);
                }
                adder.add_times(&packed, *times);
            }
            prop_assert_eq!(adder.finish().array().to_vec(), expected);
        }
    }
}
