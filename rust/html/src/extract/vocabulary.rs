//! Names that pages give their parts: class and id attributes, roles and item properties, cut into tokens.

/// Calls `found` with every token of a class or id attribute, in lower case.
///
/// `post-content__body articleBody` gives `post`, `content`, `body`, `article`, `body`, and the pairs
/// `post-content`, `content-body`, `article-body`. Digits separate and are dropped, so that `widget-12` is `widget`.
pub(crate) fn tokens(attribute: &str, mut found: impl FnMut(&str)) {
    // A generated name without separators can be as long as the page; no token worth a weight is.
    const LONGEST: usize = 24;
    let mut pair = String::new();
    for name in attribute.split_ascii_whitespace() {
        let mut previous: Option<(usize, usize)> = None;
        let bytes = name.as_bytes();
        let mut start = 0;
        while start < bytes.len() {
            if !bytes[start].is_ascii_alphabetic() {
                start += 1;
                continue;
            }
            let mut end = start + 1;
            while end < bytes.len()
                && bytes[end].is_ascii_alphabetic()
                && !(bytes[end].is_ascii_uppercase() && bytes[end - 1].is_ascii_lowercase())
            {
                end += 1;
            }
            if end - start <= LONGEST {
                pair.clear();
                if let Some((first, last)) = previous {
                    pair.push_str(&name[first..last]);
                    pair.push('-');
                }
                pair.push_str(&name[start..end]);
                pair.make_ascii_lowercase();
                let single = pair.len() - (end - start);
                found(&pair[single..]);
                if single > 0 {
                    found(&pair);
                }
                previous = Some((start, end));
            } else {
                previous = None;
            }
            start = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(attribute: &str) -> Vec<String> {
        let mut found = Vec::new();
        tokens(attribute, |token| found.push(token.to_owned()));
        found
    }

    #[test]
    fn cuts_at_separators_case_and_digits() {
        assert_eq!(
            all("post-content__body articleBody widget-12"),
            [
                "post",
                "content",
                "post-content",
                "body",
                "content-body",
                "article",
                "body",
                "article-body",
                "widget"
            ]
        );
        assert_eq!(all("NAV"), ["nav"]);
        assert!(all("12 __ é").is_empty());
    }

    #[test]
    fn generated_names_are_no_tokens() {
        assert!(all(&"x".repeat(1000)).is_empty());
    }
}
