//! Bytes of a web page to Unicode: charset sniffing and page-level declarations.
