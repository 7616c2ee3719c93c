//! Compressed members: a gzip member or a zstd frame, decoded piece by piece.

use flate2::{Decompress, FlushDecompress, Status};
use zstd::stream::raw::{DParameter, Decoder, Operation};

use crate::marks::starts_mark;

pub(crate) const GZIP_MAGIC: &[u8] = b"\x1f\x8b\x08";
pub(crate) const ZSTD_MAGIC: &[u8] = b"\x28\xb5\x2f\xfd";
/// First byte is 0x50 to 0x5f, see RFC 8878 section 3.1.2.
pub(crate) const ZSTD_SKIPPABLE_TAIL: &[u8] = b"\x2a\x4d\x18";
/// The skippable frame that carries the dictionary of a WARC file (IIPC "Zstandard compression for WARC").
pub(crate) const ZSTD_DICTIONARY_MAGIC: &[u8] = b"\x5d\x2a\x4d\x18";

/// Bytes, RFC 8878 section 3.1.1.2.
const ZSTD_BLOCK_HEADER: usize = 3;
/// 128 MiB, the largest window that zstd itself accepts unless told otherwise.
const ZSTD_MAX_WINDOW_LOG: u32 = 27;
/// Compressed bytes within which a gzip member must show how its content starts.
const GZIP_PROBE_BYTES: usize = 8 << 10;
/// zstd gives nothing before the end of a block, and a block may have 128 KiB.
const ZSTD_PROBE_BYTES: usize = 132 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Zstd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Wants more input or more room.
    More,
    /// The member ended and its checksum, where it has one, holds.
    End,
    /// The bytes are no valid member.
    Bad,
}

pub(crate) struct Step {
    pub consumed: usize,
    pub written: usize,
    pub progress: Progress,
}

pub(crate) enum Codec {
    Gzip(Decompress),
    /// And how many bytes to give it: never the end of a block with what follows, as an error there would take the
    /// content of the block with it.
    Zstd(Box<Decoder<'static>>, usize),
}

impl Codec {
    /// None where the decoder cannot be made: a bad dictionary.
    pub fn new(format: Format, dictionary: &[u8]) -> Option<Self> {
        match format {
            Format::Gzip => Some(Self::Gzip(Decompress::new_gzip(15))),
            Format::Zstd => {
                let mut decoder = Decoder::with_dictionary(dictionary).ok()?;
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_MAX_WINDOW_LOG)).ok()?;
                Some(Self::Zstd(Box::new(decoder), 1))
            }
        }
    }

    pub fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        match self {
            Self::Gzip(inflate) => {
                let (read, wrote) = (inflate.total_in(), inflate.total_out());
                let result = inflate.decompress(input, output, FlushDecompress::None);
                Step {
                    consumed: (inflate.total_in() - read) as usize,
                    written: (inflate.total_out() - wrote) as usize,
                    progress: match result {
                        Ok(Status::StreamEnd) => Progress::End,
                        Ok(Status::Ok | Status::BufError) => Progress::More,
                        Err(_) => Progress::Bad,
                    },
                }
            }
            Self::Zstd(decoder, given) => match decoder
                .run_on_buffers(&input[..input.len().min(*given)], output)
            {
                Ok(status) => {
                    // It asks for a block and the header of the next one.
                    let asked = status.remaining;
                    *given = if asked > ZSTD_BLOCK_HEADER { asked - ZSTD_BLOCK_HEADER } else { asked.max(1) };
                    Step {
                        consumed: status.bytes_read,
                        written: status.bytes_written,
                        progress: if asked == 0 { Progress::End } else { Progress::More },
                    }
                }
                Err(_) => Step { consumed: 0, written: 0, progress: Progress::Bad },
            },
        }
    }
}

/// Does a member start here whose content starts as a WARC record? None = more bytes are needed to say.
pub(crate) fn probe(format: Format, bytes: &[u8], dictionary: &[u8], eof: bool) -> Option<bool> {
    let (magic, cap) = match format {
        Format::Gzip => (GZIP_MAGIC, GZIP_PROBE_BYTES),
        Format::Zstd => (ZSTD_MAGIC, ZSTD_PROBE_BYTES),
    };
    let common = magic.len().min(bytes.len());
    if bytes[..common] != magic[..common] {
        return Some(false);
    }
    if bytes.len() <= magic.len() {
        return if eof { Some(false) } else { None };
    }
    if format == Format::Gzip && bytes[3] & 0xe0 != 0 {
        return Some(false); // reserved flags: no need to set up a decoder
    }
    let Some(mut codec) = Codec::new(format, dictionary) else { return Some(false) };
    let (mut output, mut read, mut written) = ([0; 64], 0, 0);
    let end = bytes.len().min(cap);
    let progress = loop {
        let step = codec.step(&bytes[read..end], &mut output[written..]);
        (read, written) = (read + step.consumed, written + step.written);
        if let Some(verdict) = starts_record(&output[..written]) {
            return Some(verdict);
        }
        if step.progress != Progress::More || step.consumed + step.written == 0 {
            break step.progress;
        }
    };
    if progress == Progress::More && bytes.len() < cap && !eof { None } else { Some(false) }
}

/// Is this the start of a record, blank lines aside? None = too short to say.
pub(crate) fn starts_record(content: &[u8]) -> Option<bool> {
    let start = content.iter().position(|byte| !matches!(byte, b'\r' | b'\n'))?;
    starts_mark(&content[start..])
}

/// The dictionary that a skippable frame carries, itself perhaps compressed. None = larger than `limit` or bad.
pub(crate) fn dictionary(content: &[u8], limit: usize) -> Option<Vec<u8>> {
    if !content.starts_with(ZSTD_MAGIC) {
        return (content.len() <= limit).then(|| content.to_vec());
    }
    let mut codec = Codec::new(Format::Zstd, &[])?;
    let mut output = vec![0; limit];
    let (mut read, mut written) = (0, 0);
    loop {
        let step = codec.step(&content[read..], &mut output[written..]);
        read += step.consumed;
        written += step.written;
        match step.progress {
            Progress::End => {
                output.truncate(written);
                return Some(output);
            }
            Progress::More if step.consumed + step.written > 0 => {}
            _ => return None,
        }
    }
}
