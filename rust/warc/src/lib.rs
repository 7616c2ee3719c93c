//! WARC framing: records, compression, payload decoding, resynchronisation after damage.
